import { resolve } from "node:path";
import { outwardAddresses } from "./this-machine.ts";
import { UserError } from "./user-error.ts";

/** The settings that `make up`, `manager-run` and `agent-run` read from the environment. */
export interface Settings {
  /** The address that the manager listens on. */
  host: string;
  port: number;
  /** Holds the manager's database and, by default, the agent's state. */
  dataDir: string;
  /** The manager that agents and scripts talk to. */
  managerUrl: string;
  /** An enrolment token itself. */
  token: string | undefined;
  /** A file with an enrolment token, or `-` for standard input. */
  tokenFile: string | undefined;
  stateDir: string;
  agentName: string | undefined;
  /** Consecutive failures after which the agent gives up; 0 = never. */
  maxRetries: number;
  /** The patterns that the agent subscribes to; it prints what is published on them. */
  subscribe: string[];
}

/** Reads the settings; relative paths start at the current directory. An empty variable counts as unset. */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const host = env.HOST || "127.0.0.1";
  const port = wholeNumber("PORT", env.PORT || "8787", 1, 65_535);
  const dataDir = resolve(env.DATA_DIR || ".zedops");
  return {
    host,
    port,
    dataDir,
    managerUrl: env.MANAGER_URL || localUrl(host, port),
    token: env.TOKEN || undefined,
    tokenFile: env.TOKEN_FILE || undefined,
    stateDir: resolve(env.STATE_DIR || `${dataDir}/agent`),
    agentName: env.AGENT_NAME || undefined,
    maxRetries: wholeNumber("MAX_RETRIES", env.MAX_RETRIES || "0", 0, 1_000_000),
    subscribe: (env.SUBSCRIBE ?? "fleet.> agents.self.>").split(/\s+/).filter(Boolean),
  };
}

/** Whether a variable that switches something on is set; `0` means that it is not. */
export function isSet(variable: string | undefined): boolean {
  return !["", "0"].includes(variable ?? "");
}

/**
 * The URL of a manager that listens on `host`, from this machine. Nobody can dial a wildcard address, so it becomes
 * loopback.
 */
export function localUrl(host: string, port: number): string {
  const address = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** The URLs of a manager that listens on `host`, for agents on other hosts; none if that is loopback. */
export function agentUrls({ host, port }: Pick<Settings, "host" | "port">): string[] {
  return outwardAddresses(host).map((address) => localUrl(address, port));
}

/** The command that starts a single agent in another terminal with the settings of this one. */
export function agentRunCommand(env: NodeJS.ProcessEnv = process.env): string {
  const given = ["HOST", "PORT", "DATA_DIR", "STATE_DIR"].filter((name) => env[name]);
  return ["make agent-run", ...given.map((name) => shellWord(`${name}=${env[name]}`))].join(" ");
}

function shellWord(text: string): string {
  return /^[\w=.,:@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UserError(`${name} must be a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}
