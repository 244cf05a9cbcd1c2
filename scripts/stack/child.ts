import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { guard, release } from "./guardian.ts";

export interface ChildOptions {
  /** Its name in messages. */
  name: string;
  file: string;
  args: readonly string[];
  /** Where it runs; the current directory by default. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Its standard input; empty by default. For secrets: every user can read process arguments. */
  input?: string;
  /** Called with every line of its standard output and standard error. */
  onLine?: (line: string) => void;
}

/** How a process ended: its exit code, the signal that killed it, or the error if it could not be started. */
export type Ending = number | NodeJS.Signals | Error;

/** An ending in words. */
export function describeEnding(ending: Ending): string {
  if (ending instanceof Error) return ending.message;
  return typeof ending === "number" ? `exit code ${ending}` : ending;
}

/** From SIGTERM to SIGKILL. Short enough to stop a manager and an agent within 3 s together. */
const GRACE_MS = 1_400;

/**
 * How long to wait for the last output of a process that has ended: a process that it left behind may keep the pipe
 * open.
 */
const OUTPUT_DRAIN_MS = 500;

/** Lines kept to explain a failure. */
const TAIL_LINES = 30;

/**
 * A process in its own process group. Ctrl-C reaches only the script, which then stops its children in order. If the
 * script is killed, its children and the processes that they have started are killed too.
 */
export class Child {
  readonly name: string;
  /** Settles when it has ended and its output has been read. */
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  /** Settles when its output has been read to the end. */
  readonly #drained: Promise<unknown>;
  readonly #tail: string[] = [];
  #stopped: Promise<void> | undefined;

  constructor({ name, file, args, cwd, env = process.env, input = "", onLine }: ChildOptions) {
    const child = spawn(file, args, {
      cwd,
      detached: true,
      // Programs read the name of their directory from PWD.
      env: cwd === undefined ? env : { ...env, PWD: cwd },
      stdio: ["pipe", "pipe", "pipe"],
    });
    if (child.pid !== undefined) guard(child.pid);
    const { promise, resolve } = Promise.withResolvers<Ending>();
    child.once("error", resolve);
    child.once("exit", (code, signal) => resolve(code ?? signal ?? 1));

    const readLines = async (stream: Readable) => {
      for await (const line of createInterface({ input: stream })) {
        this.#tail.push(line);
        if (this.#tail.length > TAIL_LINES) this.#tail.shift();
        onLine?.(line);
      }
    };
    this.#drained = Promise.all([readLines(child.stdout), readLines(child.stderr)]);

    // A process may end before it has read its input: that is no error.
    child.stdin.on("error", () => {});
    child.stdin.end(input);

    this.name = name;
    this.ended = promise.then(async (ending) => {
      this.#releaseIfGone();
      await Promise.race([this.#drained, pause(OUTPUT_DRAIN_MS, undefined, { ref: false })]);
      return ending;
    });
    this.#process = child;
  }

  /** Its process id; undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The last lines that it wrote. */
  get tail(): string {
    return this.#tail.join("\n");
  }

  /** Sends a signal to its process group: to it and to the processes that it has started. */
  signal(signal: NodeJS.Signals): void {
    this.#signal(signal);
  }

  /** Sends SIGTERM, and SIGKILL if it does not end soon. Also kills the processes that it left behind. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Kills it and the processes that it has started, as a crash would. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
    await this.#drained;
    this.#releaseIfGone();
  }

  async #stop(): Promise<void> {
    this.signal("SIGTERM");
    await Promise.race([this.ended, once(AbortSignal.timeout(GRACE_MS), "abort")]);
    await this.kill();
  }

  #releaseIfGone(): void {
    if (this.pid !== undefined && !this.#signal(0)) release(this.pid);
  }

  /** Returns whether its process group has a process. Signal 0 only asks. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (this.pid === undefined) return false;
    try {
      return process.kill(-this.pid, signal);
    } catch (error) {
      // ESRCH: the group has no process any more.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
      return false;
    }
  }
}
