/** Runs a hub's handlers, so that a fault in one ends neither the hub nor another connection. */
import type { Log, LogFields } from "../log.ts";
import type { Connection } from "./connection.ts";

export class Guard {
  readonly #log: Log;
  readonly #connectionOf: (socket: WebSocket) => Connection | undefined;

  /** @param connectionOf may throw: that may be why a handler threw */
  constructor(log: Log, connectionOf: (socket: WebSocket) => Connection | undefined) {
    this.#log = log;
    this.#connectionOf = connectionOf;
  }

  /** Runs the handler of an event. If it throws, logs the exception and returns undefined. */
  async run<T>(event: string, socket: WebSocket | null, handler: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await handler();
    } catch (error) {
      this.log(error, this.#known(socket), { event });
      return undefined;
    }
  }

  /** Does the same with the handler of a message, without a promise of its own: most messages need none. */
  message(socket: WebSocket, handler: () => void | Promise<void>): void | Promise<void> {
    const failed = (error: unknown) => this.log(error, this.#known(socket), { event: "message" });
    try {
      const handled = handler();
      return handled instanceof Promise ? handled.catch(failed) : handled;
    } catch (error) {
      failed(error);
    }
  }

  /** Does the same with work that returns nothing and waits for nothing. */
  attempt(event: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.log(error, undefined, { event });
    }
  }

  #known(socket: WebSocket | null): Connection | undefined {
    try {
      return socket === null ? undefined : this.#connectionOf(socket);
    } catch {
      return undefined;
    }
  }

  /** Logs what a handler threw. */
  log(error: unknown, connection: Connection | undefined, fields: LogFields): void {
    const { agentId, id } = connection ?? {};
    this.#log.error("a handler failed", { agent: agentId, connection: id, ...fields, error });
  }
}
