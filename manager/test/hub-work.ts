/** Counts what a hub does in the runtime: how many sockets and rows it touches says how its work grows. No clock is used. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { onTestFinished } from "vitest";
import { hub } from "./manager.ts";

export interface HubWork {
  /** How often its constructor ran. */
  wakes: number;
  /** Calls of getWebSockets that returned more than two sockets. With a tag that all sockets have, it costs as much as without. */
  enumerations: number;
  /** Attachments of sockets that were read. */
  attachmentsRead: number;
  /** Rows of the hub's own SQLite. */
  rowsRead: number;
  /** Setting an alarm is billed as a row too. */
  rowsWritten: number;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** An agent has one connection, or two while one replaces the other. */
const SOCKETS_OF_ONE_AGENT = 2;

/** Longer than an event takes, and no longer than a hub waits until its next sweep. */
const ALARM_MS = 5_000;

/** Counts the work of the hub, from where it hibernates to where it has nothing left to do. */
export class HubWorkCounter {
  readonly #work: HubWork = { wakes: 0, enumerations: 0, attachmentsRead: 0, rowsRead: 0, rowsWritten: 0 };
  readonly #cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  /** Work that the hub has asked the runtime to wait for. */
  readonly #pending = new Set<unknown>();

  /** Counts until the test has finished. */
  static async start(): Promise<HubWorkCounter> {
    const counter = new HubWorkCounter();
    await runInDurableObject(hub(), (_, ctx) => counter.#watch(ctx));
    return counter;
  }

  /** What `work` costs a hub that hibernates until then. `isDone` says whether the hub has done all of it. */
  async of(work: () => unknown, isDone: () => Promise<boolean> | boolean = () => true): Promise<HubWork> {
    await this.#untilIdle();
    // As in a hub that has run for a while, an alarm is set, and it does not ring meanwhile.
    await runInDurableObject(hub(), (_, ctx) => ctx.storage.setAlarm(Date.now() + ALARM_MS));
    await evictDurableObject(hub());
    this.#cursors.length = 0;
    Object.assign(this.#work, { wakes: 0, enumerations: 0, attachmentsRead: 0, rowsRead: 0, rowsWritten: 0 });
    await work();
    while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 5));
    await this.#untilIdle();
    for (const { rowsRead, rowsWritten } of this.#cursors) {
      this.#work.rowsRead += rowsRead;
      this.#work.rowsWritten += rowsWritten;
    }
    return { ...this.#work };
  }

  async #untilIdle(): Promise<void> {
    do await new Promise((resolve) => setTimeout(resolve, 20));
    while (this.#pending.size > 0);
  }

  #watch(ctx: DurableObjectState): void {
    const state = Object.getPrototypeOf(ctx);
    this.#wrap(state, "getWebSockets", (sockets) => {
      if (Array.isArray(sockets) && sockets.length > SOCKETS_OF_ONE_AGENT) this.#work.enumerations++;
    });
    // Only the constructor calls it.
    this.#wrap(state, "setWebSocketAutoResponse", () => this.#work.wakes++);
    this.#wrap(state, "waitUntil", (_, work) => {
      this.#pending.add(work);
      const done = () => this.#pending.delete(work);
      if (work instanceof Promise) work.then(done, done);
    });
    this.#wrap(
      Object.getPrototypeOf(new WebSocketPair()[0]),
      "deserializeAttachment",
      () => this.#work.attachmentsRead++,
    );
    this.#wrap(Object.getPrototypeOf(ctx.storage), "setAlarm", () => this.#work.rowsWritten++);
    this.#wrap(Object.getPrototypeOf(ctx.storage.sql), "exec", (cursor) => {
      this.#cursors.push(cursor as SqlStorageCursor<Record<string, SqlStorageValue>>);
    });
  }

  #wrap(prototype: Record<string, Method>, name: string, onCall: (result: unknown, argument: unknown) => void): void {
    const method = prototype[name];
    if (method === undefined) throw new Error(`this version of the runtime has no ${name}`);
    prototype[name] = function (this: unknown, ...args: unknown[]) {
      const result = method.apply(this, args);
      onCall(result, args[0]);
      return result;
    };
    onTestFinished(() => {
      prototype[name] = method;
    });
  }
}
