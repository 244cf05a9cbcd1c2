import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

export interface ChildOptions {
  /** What messages call it. */
  name: string;
  file: string;
  args: readonly string[];
  /** Where it runs; the current directory by default. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Its standard input; empty by default. The place for secrets: arguments are visible to every user. */
  input?: string;
  /** Told every line of its output and errors. */
  onLine?: (line: string) => void;
}

/** How it ended: its exit code, the signal that killed it, or why it could not be started. */
export type Ending = number | NodeJS.Signals | Error;

/** An ending in words. */
export function describeEnding(ending: Ending): string {
  if (ending instanceof Error) return ending.message;
  return typeof ending === "number" ? `exit code ${ending}` : ending;
}

/** How long a process may take to end by itself: a manager and an agent are gone within 3 s together. */
const GRACE_MS = 1_400;

/** How long the last of its output may take to arrive: what it has started and left behind may keep the pipe open. */
const LAST_WORDS_MS = 500;

/** Lines kept to explain a failure. */
const TAIL_LINES = 30;

/** A process in a group of its own: Ctrl-C reaches only the script, which then stops its children in order. */
export class Child {
  readonly name: string;
  /** Settles when it has ended and what it wrote has been read. */
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
      // Programs take PWD for the name of the directory they run in.
      env: cwd === undefined ? env : { ...env, PWD: cwd },
      stdio: ["pipe", "pipe", "pipe"],
    });
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

    // It may end before it has read its input.
    child.stdin.on("error", () => {});
    child.stdin.end(input);

    this.name = name;
    this.ended = promise.then(async (ending) => {
      await Promise.race([this.#drained, pause(LAST_WORDS_MS, undefined, { ref: false })]);
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

  /** Sends a signal to it and to whatever it has started. */
  signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      // ESRCH: nobody is left to receive it.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }

  /** Asks it to end, ends it if it does not, and takes along what it has started and left behind. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Ends it and what it has started without asking, as a crash would. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
    await this.#drained;
  }

  async #stop(): Promise<void> {
    this.signal("SIGTERM");
    await Promise.race([this.ended, once(AbortSignal.timeout(GRACE_MS), "abort")]);
    await this.kill();
  }
}
