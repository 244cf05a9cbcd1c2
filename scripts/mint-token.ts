import { parseArgs } from "node:util";
import { Admin } from "./stack/admin.ts";
import { command } from "./stack/command.ts";
import { parseSeconds } from "./stack/duration.ts";
import { readSettings } from "./stack/settings.ts";
import { UserError } from "./stack/user-error.ts";

const help = `Usage: mint-token.ts [options]

Mints an enrolment token and prints it, and nothing else, on standard output.

  --manager URL    the manager (default: MANAGER_URL, or the local one on PORT)
  --name NAME      the agent's name, unless the agent brings its own
  --label LABEL    a label for the agents that enrol with the token, such as env=prod; may be repeated, up to 16 labels
  --ttl DURATION   how long it can be used: seconds, or 90s, 15m, 2h, 7d; 1m to 30d (default: 1h)
  --max-uses N     how many agents may enrol with it; 1 to 10000 (default: 1)
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
    labels: options.label,
    ttlSeconds: options.ttl === undefined ? undefined : lifetime(options.ttl),
    maxUses: options["max-uses"] === undefined ? undefined : uses(options["max-uses"]),
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
        label: { type: "string", multiple: true },
        ttl: { type: "string" },
        "max-uses": { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error} (--help shows the options)`);
  }
}

// The limits of POST /api/admin/tokens, docs/API.md. Checked here too, because the manager's messages name its fields,
// not these options.

function lifetime(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds < 60 || seconds > 30 * 86_400) throw new UserError(`--ttl must be from 1m to 30d, not "${text}"`);
  return seconds;
}

function uses(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 10_000)
    throw new UserError(`--max-uses must be a whole number from 1 to 10000, not "${text}"`);
  return count;
}
