import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readlink } from "node:fs/promises";
import { promisify } from "node:util";
import { vi } from "vitest";

const run = promisify(execFile);

export type Kind = "mount" | "net";

/**
 * Linux namespaces for faults that must not affect the rest of the machine. They have no name and belong to a process
 * that reads from this one. When the tests end, in any way, that process ends too, and the kernel removes the
 * namespaces with their mounts, interfaces and rules.
 */
export class Namespace {
  readonly #keeper: ChildProcess;
  readonly #kinds: readonly Kind[];

  /** Why this machine cannot have one, or lacks one of these tools; undefined if it can. */
  static async lacking(kind: Kind, ...tools: string[]): Promise<string | undefined> {
    for (const tool of ["unshare", "nsenter", "setpriv", ...tools]) {
      if (!(await succeeds("sh", "-c", `command -v ${tool}`))) return `${tool} is not installed`;
    }
    return (await succeeds("unshare", `--${kind}`, "true")) ? undefined : `no ${kind} namespace may be made; root may`;
  }

  static async open(...kinds: Kind[]): Promise<Namespace> {
    const flags = kinds.map((kind) => `--${kind}`);
    const keeper = spawn("unshare", [...flags, "cat"], { stdio: ["pipe", "ignore", "inherit"] });
    await once(keeper, "spawn");
    const namespace = new Namespace(keeper, kinds);
    await vi.waitFor(() => namespace.#expectApart(), { timeout: 10_000, interval: 10 });
    return namespace;
  }

  private constructor(keeper: ChildProcess, kinds: readonly Kind[]) {
    this.#keeper = keeper;
    this.#kinds = kinds;
  }

  /** The process that keeps them. The system refers to them by its id. */
  get pid(): number {
    return this.#keeper.pid ?? 0;
  }

  /** The command that runs another command in the namespaces, and kills it if this process ends. */
  get launcher(): readonly string[] {
    const flags = this.#kinds.map((kind) => `--${kind}`);
    return ["nsenter", "--target", String(this.pid), ...flags, "setpriv", "--pdeathsig", "KILL", "--"];
  }

  /** Runs a command in the namespaces and returns its output. Throws with its error output if it fails. */
  async run(...command: string[]): Promise<string> {
    const [file = "", ...args] = [...this.launcher, ...command];
    return (await run(file, args)).stdout;
  }

  /** The path of a file of the mount namespace, as seen from outside. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  async close(): Promise<void> {
    if (this.#keeper.exitCode !== null) return;
    const ended = once(this.#keeper, "exit");
    this.#keeper.stdin?.end();
    await ended;
  }

  /** Fails while the process is still in the namespaces of this one. */
  async #expectApart(): Promise<void> {
    for (const kind of this.#kinds) {
      const file = kind === "mount" ? "mnt" : kind;
      const [its, ours] = await Promise.all([
        readlink(`/proc/${this.pid}/ns/${file}`),
        readlink(`/proc/self/ns/${file}`),
      ]);
      if (its === ours) throw new Error(`there is no ${kind} namespace yet`);
    }
  }
}

async function succeeds(file: string, ...args: string[]): Promise<boolean> {
  return await run(file, args).then(
    () => true,
    () => false,
  );
}
