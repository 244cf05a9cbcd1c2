import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { z } from "zod";
import { inRepository } from "../stack/repository.ts";

const Answer = z.object({
  error: z.string().optional(),
  /** How long the whole order took, in milliseconds. */
  ms: z.number(),
  /** The median of the single operations, in microseconds. */
  medianUs: z.number().optional(),
  done: z.number(),
});
export type Answer = z.infer<typeof Answer>;

/** Builds the programs of scripts/bench/load into a folder. */
export async function buildLoad(folder: string): Promise<{ load: string; nats: string }> {
  const [load, nats] = [join(folder, "load"), join(folder, "nats")];
  for (const [binary, source] of [
    [load, "."],
    [nats, "./nats"],
  ] as const) {
    await promisify(execFile)("go", ["build", "-o", binary, source], { cwd: inRepository("scripts/bench/load") });
  }
  return { load, nats };
}

/** A client in a process of its own: scripts/bench/load. It obeys one order after the other. */
export class Load {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(binary: string) {
    this.#process = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#process.stdout === null) throw new Error("the client has no output");
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @throws if a part of the order failed */
  async order(order: object): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the client has ended");
    const answer = Answer.parse(JSON.parse(value));
    if (answer.error !== undefined) throw new Error(`the client failed after ${answer.done}: ${answer.error}`);
    return answer;
  }

  async end(): Promise<void> {
    await endProcess(this.#process);
  }
}

/** A NATS server with a responder, in a process of its own. */
export class NatsServer {
  readonly #process: ChildProcess;
  readonly url: string;

  static async start(binary: string): Promise<NatsServer> {
    const child = spawn(binary, ["serve"], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    return new NatsServer(child, String(line));
  }

  private constructor(child: ChildProcess, url: string) {
    this.#process = child;
    this.url = url;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async end(): Promise<void> {
    await endProcess(this.#process);
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
