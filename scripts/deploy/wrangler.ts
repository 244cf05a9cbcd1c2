import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";
import { projectEnvironment, root, wrangler } from "../stack/repository.ts";
import { UserError } from "../stack/user-error.ts";
import type { Terminal } from "./terminal.ts";

/** wrangler has failed. */
export class WranglerError extends UserError {
  /** What it said. */
  readonly said: string;

  constructor(command: string, said: string) {
    const advice = ADVICE.find(({ when }) => when.test(said))?.advice;
    super(`wrangler ${command} failed${advice === undefined ? "" : `: ${advice}`}\n${indent(said)}`);
    this.said = said;
  }

  /** Whether it failed because there is no such Worker. */
  get lacksWorker(): boolean {
    return /Worker "[^"]+" not found|\[code: 10007\]/.test(this.said);
  }
}

const PERMISSIONS =
  "CLOUDFLARE_API_TOKEN needs the permissions Account › Workers Scripts › Edit and Account › D1 › Edit; " +
  "without such a token, run: npx wrangler login";

const ADVICE = [
  { when: /\[code: (10000|9109)\]|Authentication error/, advice: `Cloudflare refuses the log-in. ${PERMISSIONS}` },
  {
    when: /\[code: 10063\]|workers\.dev subdomain/,
    advice: "the account has no workers.dev name yet; choose one at the address below",
  },
  {
    when: /\[code: 7406\]|maximum number of D1 databases/,
    advice: "the account has as many databases as its plan allows",
  },
  { when: /fetch failed|ECONNREFUSED|ENOTFOUND|EAI_AGAIN/, advice: "Cloudflare cannot be reached; try again" },
] as const;

export interface RunOptions {
  /** Its standard input; empty by default. */
  input?: string;
  /** Variables in addition to those of the terminal. */
  env?: Readonly<Record<string, string>>;
}

/** Runs wrangler without showing its output, and returns its standard output. */
export async function runWrangler(
  terminal: Terminal,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    env: { ...environment(terminal), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // It may end before it has read its input.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [output, errors, [code]]: [string, string, unknown[]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  if (code === 0) return output;
  throw new WranglerError(commandOf(args), spoken(errors.trim() === "" ? output : errors));
}

/**
 * Runs wrangler and shows its output as it comes. On a terminal it may ask, for example for a name on workers.dev.
 * Returns the entries of its machine-readable report.
 */
export async function showWrangler(terminal: Terminal, args: readonly string[]): Promise<unknown[]> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), "zedops-wrangler-"));
  const report = join(scratch.path, "report.ndjson");
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY;
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    env: { ...environment(terminal), WRANGLER_OUTPUT_FILE_PATH: report },
    stdio: isInteractive ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  const [output, errors, [code]]: [string, string, unknown[]] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
    once(child, "exit"),
  ]);
  if (code !== 0) throw new WranglerError(commandOf(args), spoken(errors.trim() === "" ? output : errors));
  const lines = (await readFile(report, "utf8").catch(() => "")).split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** Waits for two runs. If one fails, it waits for the other too, so that none outlives the command. */
export async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return await Promise.all([first, second]);
}

/** The first words of a command; the others may be names of files. */
function commandOf(args: readonly string[]): string {
  const end = args.findIndex((arg) => arg.startsWith("-"));
  return args.slice(0, end === -1 ? 3 : Math.min(end, 3)).join(" ");
}

/** What wrangler has said, without colours, empty lines and decoration. */
function spoken(output: string): string {
  return stripVTControlCharacters(output)
    .split("\n")
    .map((line) => line.trimEnd())
    .filter(
      (line) => line !== "" && !/^🪵|Logs were written to|please open an issue|github\.com\/cloudflare/i.test(line),
    )
    .join("\n");
}

function indent(lines: string): string {
  return lines.replaceAll(/^/gm, "  ");
}

/** The terminal's environment, without the manager's secrets, which wrangler does not need. */
function environment({ env }: Terminal): NodeJS.ProcessEnv {
  const { ADMIN_PASSWORD, NEW_PASSWORD, JWT_SECRET, TOKEN, CLOUDFLARE_ENV, ...rest } = env;
  const { PATH } = projectEnvironment();
  return {
    ...rest,
    PATH,
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
  };
}
