import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Order } from "./beating-crowd-process.ts";

/** Many sockets that send heartbeats, in a child process, so that they do not slow down the process that measures. */
export class BeatingCrowd {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(new URL("beating-crowd-process.ts", import.meta.url)));
  }

  /** Opens sockets, and registers them if there is a token. */
  async open(order: Omit<Extract<Order, { do: "open" }>, "do">): Promise<void> {
    await this.#order({ do: "open", ...order });
  }

  /** Makes this part of the agents send their next heartbeat with data. */
  async report(part: number): Promise<void> {
    await this.#order({ do: "report", part });
  }

  /** How many sockets the other end has closed. */
  async lost(): Promise<number> {
    return this.#order({ do: "count lost" });
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  async #order(order: Order): Promise<number> {
    const ended = once(this.#process, "exit").then(() => {
      throw new Error("the crowd's process has ended");
    });
    ended.catch(() => {});
    this.#process.send(order);
    const [answer] = await Promise.race([once(this.#process, "message"), ended]);
    if (typeof answer !== "number") throw new Error(`the crowd failed ${answer}`);
    return answer;
  }
}
