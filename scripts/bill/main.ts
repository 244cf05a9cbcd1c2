/** Prints what Cloudflare bills for a fleet: `make bill`. */
import { parseArgs } from "node:util";
import { command } from "../stack/command.ts";
import { UserError } from "../stack/user-error.ts";
import { PRICES_READ_ON, SOURCES } from "./prices.ts";
import { bills, DEFAULT_HABITS, freeTable, type Habits, partsTable, variantsTable } from "./report.ts";
import { ASSUMED, usage } from "./usage.ts";

const help = `Usage: main.ts [options]

Prints what a fleet costs on Cloudflare, in US dollars a month, and how large a fleet the free plan carries.

  --pages N              pages of the dashboard that are open and visible all the time (default: 2)
  --reconnects N         how often each agent loses its connection and comes back, per day (default: 1)
  --deploys N            deploys per week (default: 1)
  --reset SHARE          the part of the agents that a deploy disconnects, 0 to 1 (default: 0)
  --agents-per-hub N     (default: 8000)
  --answers-billed       Cloudflare bills for heartbeats that the runtime answers
  --separate-allowances  Durable Objects and D1 do not share what a month includes of written rows
  --json                 usage and cost at each size, as JSON
  --help                 this text`;

await command(async () => {
  const options = readOptions();
  if (options.help) {
    console.log(help);
    return 0;
  }
  const habits: Habits = {
    ...DEFAULT_HABITS,
    pages: amount("--pages", options.pages, DEFAULT_HABITS.pages),
    reconnectsPerDay: amount("--reconnects", options.reconnects, DEFAULT_HABITS.reconnectsPerDay),
    deploysPerWeek: amount("--deploys", options.deploys, DEFAULT_HABITS.deploysPerWeek),
    resetByDeploy: amount("--reset", options.reset, DEFAULT_HABITS.resetByDeploy, 1),
    agentsPerHub: Math.max(1, amount("--agents-per-hub", options["agents-per-hub"], DEFAULT_HABITS.agentsPerHub)),
    answersBilled: options["answers-billed"] === true,
  };
  const shared = options["separate-allowances"] !== true;
  if (options.json) {
    const bySize = bills(habits, shared).map(({ fleet, cost }) => ({ fleet, usage: usage(fleet), cost }));
    const report = { prices: { readOn: PRICES_READ_ON, sources: SOURCES }, assumed: ASSUMED, bills: bySize };
    console.log(JSON.stringify(report, null, 2));
    return 0;
  }
  const { pages, reconnectsPerDay, deploysPerWeek, resetByDeploy, agentsPerHub } = habits;
  console.log(`Prices of ${PRICES_READ_ON}. Open pages: ${pages}. Reconnects of each agent a day: ${reconnectsPerDay}. Deploys a week: \
${deploysPerWeek}; each disconnects ${resetByDeploy * 100} % of the agents. Agents a hub: ${agentsPerHub}. docs/SCALING.md says what is assumed.

${partsTable(habits, shared)}

With other habits:

${variantsTable(habits)}

The free plan:

${freeTable(habits)}`);
  return 0;
});

function amount(name: string, text: string | undefined, otherwise: number, most = 1e9): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= most))
    throw new UserError(`${name} must be a number from 0 to ${most}`);
  return value;
}

function readOptions() {
  const number = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      options: {
        ...{ pages: number, reconnects: number, deploys: number, reset: number, "agents-per-hub": number },
        ...{ "answers-billed": flag, "separate-allowances": flag, json: flag, help: flag },
      },
    }).values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error} (--help shows the options)`);
  }
}
