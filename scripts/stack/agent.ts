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
import { UserError } from "./user-error.ts";

/** The agent's exit code when the manager has refused it: starting it again does not help. */
export const REFUSED = 77;

export interface AgentOptions {
  /** The command that runs the agent instead of a shell, such as `nsenter`, with its arguments. */
  launcher?: readonly string[];
  /** The agent's file; the one that `make agent` builds by default. */
  binary?: string;
  /** Variables in addition to those of this process. */
  env?: Readonly<Record<string, string>>;
  /** The labels that it gives itself when it enrols. */
  labels?: readonly string[];
  /** Whether it logs every attempt to connect. */
  verbose?: boolean;
  onLine?: (line: string) => void;
}

/**
 * Starts the agent. If no token was given and the agent has no identity, or has one that was removed or revoked,
 * `administrator` mints a token. The agent reads it from its standard input, never from its arguments.
 */
export async function startAgent(
  stack: Stack,
  settings: Settings,
  administrator: () => Promise<Admin>,
  { launcher = [], binary = agentBinary, env: extra = {}, labels = [], verbose = false, onLine }: AgentOptions = {},
): Promise<Child> {
  const { managerUrl, stateDir, agentName, maxRetries, tokenFile, subscribe } = settings;
  const token = await enrolmentToken(settings, administrator);
  const tokenSource = token === undefined ? tokenFile : "-";
  const { ADMIN_PASSWORD, TOKEN, ...env } = process.env;
  const [file = binary, ...args] = [...launcher, binary];
  return stack.start({
    name: "agent",
    file,
    args: [
      ...args,
      ...["--manager", managerUrl, "--state-dir", stateDir, "--max-retries", String(maxRetries)],
      ...(agentName === undefined ? [] : ["--name", agentName]),
      ...labels.flatMap((label) => ["--label", label]),
      ...subscribe.flatMap((pattern) => ["--subscribe", pattern]),
      ...(tokenSource === undefined ? [] : ["--token-file", tokenSource]),
      ...(verbose ? ["--verbose"] : []),
    ],
    env: { ...env, ...extra },
    ...(token !== undefined && { input: `${token}\n` }),
    ...(onLine && { onLine }),
  });
}

/** The id of the agent with this state; undefined before it has enrolled, or if its token is damaged. */
export async function enrolledId(stateDir: string): Promise<string | undefined> {
  if (!(await isEnrolled(stateDir))) return undefined;
  const [, claims = ""] = (await readFile(join(stateDir, "token"), "utf8")).split(".");
  try {
    return z.object({ sub: z.string() }).parse(JSON.parse(Buffer.from(claims, "base64url").toString())).sub;
  } catch {
    return undefined;
  }
}

/**
 * Writes the URL of the local manager into the agent's state. The agent sends its token only to the URL in its state,
 * and the local manager may have a new port since the agent enrolled. An identity for a manager elsewhere stays as it
 * is.
 */
export async function followLocalManager(stateDir: string, managerUrl: string): Promise<void> {
  const known = await enrolledOrigin(stateDir);
  if (known !== undefined && isThisMachine(new URL(known)))
    await writeFile(join(stateDir, "manager"), `${managerUrl}\n`, { mode: 0o600 });
}

/** The token for the agent's standard input; undefined if it needs none, or reads it from a file itself. */
async function enrolmentToken(settings: Settings, administrator: () => Promise<Admin>): Promise<string | undefined> {
  const { token, tokenFile, stateDir, agentName } = settings;
  if (token !== undefined) return token;
  if (tokenFile === "-") return (await text(process.stdin)).trim();
  if (tokenFile !== undefined) return undefined;
  if ((await isEnrolled(stateDir)) && !(await isRemovedOrRevoked(settings, administrator))) return undefined;
  return await (await administrator()).mintToken({ name: agentName });
}

/** Whether the manager has removed or revoked the agent with this state. */
async function isRemovedOrRevoked(
  { managerUrl, stateDir }: Settings,
  administrator: () => Promise<Admin>,
): Promise<boolean> {
  if ((await enrolledOrigin(stateDir)) !== URL.parse(managerUrl)?.origin) return false;
  try {
    const id = await enrolledId(stateDir);
    if (id === undefined) return false;
    const agent = await (await administrator()).agent(id);
    return agent === undefined || agent.reason === "revoked";
  } catch (error) {
    // Without a password or an answer this cannot be known here. The agent will be told when it connects.
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** The origin of the manager that the agent's token is for. */
async function enrolledOrigin(stateDir: string): Promise<string | undefined> {
  return URL.parse(await readFile(join(stateDir, "manager"), "utf8").catch(() => ""))?.origin;
}

async function isEnrolled(stateDir: string): Promise<boolean> {
  return await access(join(stateDir, "token")).then(
    () => true,
    () => false,
  );
}
