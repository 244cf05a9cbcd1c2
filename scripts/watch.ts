import { parseArgs } from "node:util";
import { z } from "zod";
import { Admin, Agent } from "./stack/admin.ts";
import { command } from "./stack/command.ts";
import { followFeed, type Message } from "./stack/feed.ts";
import { memberText, onOneLine } from "./stack/json-text.ts";
import { readSettings } from "./stack/settings.ts";
import { UserError } from "./stack/user-error.ts";

const help = `Usage: watch.ts [options]

Prints a line whenever an agent comes, goes or is changed. Ctrl-C ends it.

  --manager URL      the manager (default: MANAGER_URL, or the local one on PORT)
  --subject PATTERN  also prints the messages that operators publish to these subjects, such as 'fleet.>';
                     may be repeated
  --json             prints the messages of the live feed, one JSON object per line
  --help             this text

The admin password comes from ADMIN_PASSWORD, or for a manager on this machine from manager/.dev.vars.`;

const Presence = Agent.pick({ status: true, reason: true });
const Labelled = Agent.pick({ name: true }).extend({ labels: z.array(z.string()).default([]) });
const Change = z.object({ change: z.string(), agent: Labelled.nullish() });

/**
 * The changes of the registry in words. Other changes, such as those of a newer manager, are printed by their names.
 */
const changes: ReadonlyMap<string, string> = new Map([
  ["clone", "is on two hosts"],
  ["flapping", "comes and goes often"],
  ["separated", "no longer shares its identity"],
]);

await command(async (stack) => {
  const options = readOptions();
  if (options.help) {
    console.log(help);
    return 0;
  }
  const stopping = new AbortController();
  stack.onStopped(async () => stopping.abort());
  // The program that reads our output through a pipe has ended.
  process.stdout.on("error", () => stopping.abort());

  const admin = await Admin.fromEnvironment(options.manager ?? readSettings().managerUrl);
  const fleet = new Map<string, { name: string; presence: string }>();
  const say = (at: number, subject: string, what: string) =>
    console.log(printable(`${new Date(at).toLocaleTimeString("en-GB")}  ${subject}  ${what}`));

  /** The agents in the messages since the last reading of the list began. For these, the list may be out of date. */
  let told = new Set<string>();
  const noteAgents = async (quietly: boolean) => {
    told = new Set();
    const toldSince = told;
    for (const agent of await admin.agents()) {
      const { id, name } = agent;
      if (toldSince.has(id)) continue;
      const presence = describe(agent);
      if (!quietly && fleet.get(id)?.presence !== presence) say(Date.now(), name, presence);
      fleet.set(id, { name, presence });
    }
  };

  const print = async ({ subject, data, text, timestamp = Date.now() }: Message) => {
    const id = subject.slice(subject.indexOf(".") + 1);
    if (subject.startsWith("presence.")) {
      told.add(id);
      // The presence of a new agent may come before the message that it has enrolled.
      const known = fleet.get(id) ?? { name: (await admin.agent(id))?.name ?? id, presence: "" };
      const presence = describe(Presence.parse(data));
      // A presence message may only have a new round-trip time.
      if (presence === known.presence) return;
      fleet.set(id, { ...known, presence });
      say(timestamp, known.name, presence);
    } else if (subject.startsWith("registry.")) {
      told.add(id);
      const { change, agent } = Change.parse(data);
      const known = fleet.get(id) ?? { name: agent?.name ?? id, presence: "" };
      const renamed = change === "renamed" ? `is renamed to ${agent?.name}` : undefined;
      const labelled = change === "labelled" ? describeLabels(agent?.labels) : undefined;
      say(timestamp, known.name, renamed ?? labelled ?? changes.get(change) ?? `is ${change}`);
      fleet.set(id, { ...known, name: agent?.name ?? known.name });
    } else {
      say(timestamp, subject, onOneLine(memberText(text, "data") ?? ""));
    }
  };

  let printed = Promise.resolve();
  const printInTurn = (message: Message) => {
    printed = printed.then(() => print(message)).catch(complain);
  };

  // Fails at once if the manager cannot be reached or does not accept the password.
  await noteAgents(true);
  await followFeed(admin, {
    signal: stopping.signal,
    patterns: options.subject ?? [],
    onMessage: options.json ? (message) => console.log(printableJson(message)) : printInTurn,
    onLive: () => {
      console.error("zedops: live");
      if (!options.json) void noteAgents(false).catch(complain);
    },
    onLost: () => console.error("zedops: the connection is lost; trying again"),
  });
  return 0;
});

function complain(error: unknown): void {
  console.error(`zedops: ${error instanceof Error ? error.message : error}`);
}

function describe({ status, reason }: z.infer<typeof Presence>): string {
  return reason === null ? status : `${status} (${reason.replaceAll("_", " ")})`;
}

function describeLabels(labels: readonly string[] = []): string {
  return labels.length === 0 ? "now has no labels" : `now has the labels ${labels.join(", ")}`;
}

/** Names and payloads come from hosts. Their control characters must not reach the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "\u{FFFD}");
}

/** The same for JSON, which can say each of these characters in another way. */
function printableJson({ text }: Message): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return onOneLine(text).replaceAll(/\p{C}/gu, (found) => found.split("").map(escaped).join(""));
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        manager: { type: "string" },
        subject: { type: "string", multiple: true },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error} (--help shows the options)`);
  }
}
