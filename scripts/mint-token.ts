import { parseArgs } from "node:util";
import { Admin } from "./stack/admin.ts";
import { command } from "./stack/command.ts";
import { Complaint } from "./stack/complaint.ts";
import { parseSeconds } from "./stack/duration.ts";
import { readSettings } from "./stack/settings.ts";

const help = `Usage: mint-token.ts [options]

Mints an enrolment token and prints it, and nothing else, on standard output.

  --manager URL    the manager (default: MANAGER_URL, or the local one on PORT)
  --name NAME      the agent's name, unless the agent brings its own
  --ttl DURATION   how long it can be used: seconds, or 90s, 15m, 2h, 7d (default: 1h)
  --max-uses N     how many agents may enrol with it (default: 1)
  --help           this text

The admin password comes from ADMIN_PASSWORD, or for a manager on this machine from manager/.dev.vars.`;

await command(async () => {
  const options = readOptions();
  if (options.help) {
    console.log(help);
    return 0;
  }
  const admin = await Admin.fromEnvironment(options.manager ?? readSettings().managerUrl);
  const token = await admin.mintToken({
    name: options.name,
    ttlSeconds: options.ttl === undefined ? undefined : parseSeconds(options.ttl),
    maxUses: options["max-uses"] === undefined ? undefined : wholeNumber(options["max-uses"]),
  });
  console.log(token);
  return 0;
});

function readOptions() {
  try {
    return parseArgs({
      options: {
        manager: { type: "string" },
        name: { type: "string" },
        ttl: { type: "string" },
        "max-uses": { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new Complaint(`${error instanceof Error ? error.message : error} (--help shows the options)`);
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Complaint(`--max-uses must be a whole number, not "${text}"`);
  return Number(text);
}
