import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";
import type { Admin } from "./admin.ts";
import type { Child } from "./child.ts";
import { agentBinary } from "./repository.ts";
import type { Settings } from "./settings.ts";
import type { Stack } from "./stack.ts";
import { isThisMachine } from "./this-machine.ts";

/**
 * Starts the agent. Where it has no identity yet and no token was given, `administrator` mints one. The agent reads it
 * from its standard input, never from its arguments.
 */
export async function startAgent(
  stack: Stack,
  settings: Settings,
  administrator: () => Promise<Admin>,
  onLine?: (line: string) => void,
): Promise<Child> {
  const { managerUrl, stateDir, agentName, maxRetries, tokenFile, subscribe } = settings;
  const token = await enrolmentToken(settings, administrator);
  const tokenSource = token === undefined ? tokenFile : "-";
  const { ADMIN_PASSWORD, TOKEN, ...env } = process.env;
  return stack.start({
    name: "agent",
    file: agentBinary,
    args: [
      ...["--manager", managerUrl, "--state-dir", stateDir, "--max-retries", String(maxRetries)],
      ...(agentName === undefined ? [] : ["--name", agentName]),
      ...subscribe.flatMap((pattern) => ["--subscribe", pattern]),
      ...(tokenSource === undefined ? [] : ["--token-file", tokenSource]),
    ],
    env,
    ...(token !== undefined && { input: `${token}\n` }),
    ...(onLine && { onLine }),
  });
}

/** The id of the agent whose state this is; undefined before it has enrolled. */
export async function enrolledId(stateDir: string): Promise<string | undefined> {
  if (!(await isEnrolled(stateDir))) return undefined;
  const [, claims = ""] = (await readFile(join(stateDir, "token"), "utf8")).split(".");
  return z.object({ sub: z.string() }).parse(JSON.parse(Buffer.from(claims, "base64url").toString())).sub;
}

/**
 * The local manager may have moved to another port since the agent enrolled with it: tells the agent's state, which
 * names the only URL that the token is sent to. An identity of a manager elsewhere is left alone.
 */
export async function followLocalManager(stateDir: string, managerUrl: string): Promise<void> {
  const file = join(stateDir, "manager");
  const known = URL.parse(await readFile(file, "utf8").catch(() => ""));
  if (known !== null && isThisMachine(known)) await writeFile(file, `${managerUrl}\n`, { mode: 0o600 });
}

/** The token to hand over; undefined if none is needed, or if the agent reads it from a file itself. */
async function enrolmentToken(
  { token, tokenFile, stateDir, agentName }: Settings,
  administrator: () => Promise<Admin>,
): Promise<string | undefined> {
  if (token !== undefined) return token;
  if (tokenFile === "-") return (await text(process.stdin)).trim();
  if (tokenFile !== undefined || (await isEnrolled(stateDir))) return undefined;
  return await (await administrator()).mintToken({ name: agentName });
}

async function isEnrolled(stateDir: string): Promise<boolean> {
  return await access(join(stateDir, "token")).then(
    () => true,
    () => false,
  );
}
