/** Prints how fleets come back after outages: `make simulate`. */
import { parseArgs } from "node:util";
import { command } from "../stack/command.ts";
import { UserError } from "../stack/user-error.ts";
import { CLOUDFLARE } from "./limits.ts";
import { changesTable, loadTable, outcomes, outcomesTable, validationTable } from "./report.ts";

const help = `Usage: main.ts [options]

Simulates how fleets of 10,000 to a million agents come back after outages. It takes less than a minute.

  --seed N  another run of the same outages (default: 1)
  --json    the outages as JSON, with the attempts of each second
  --help    this text`;

await command(async () => {
  const options = readOptions();
  if (options.help) {
    console.log(help);
    return 0;
  }
  const seed = Number(options.seed ?? 1);
  if (!Number.isInteger(seed)) throw new UserError("--seed must be a whole number");
  if (options.json) {
    console.log(JSON.stringify({ limits: CLOUDFLARE, seed, outcomes: outcomes(seed) }, null, 2));
    return 0;
  }
  console.log(`The simulation beside what was measured, a thousand agents:\n\n${validationTable()}\n`);
  console.log(`Without an outage:\n\n${loadTable()}\n`);
  console.log(`Outages:\n\n${outcomesTable(outcomes(seed))}\n`);
  console.log(`A deploy resets every hub of a million agents:\n\n${changesTable(seed)}`);
  return 0;
});

function readOptions() {
  try {
    return parseArgs({ options: { seed: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } } })
      .values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error} (--help shows the options)`);
  }
}
