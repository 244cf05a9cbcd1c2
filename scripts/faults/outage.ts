import { expect, type TestContext, vi } from "vitest";
import type { Lab } from "../e2e/lab.ts";
import type { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";

/** The measured effects of a fault in milliseconds; null: it did not happen, or was not measured. */
export interface Measurement {
  fault: string;
  /** From the fault until the API, or a screen, said offline. */
  offlineMs: number | null;
  /** From the fault until the agent logged it. */
  noticedMs: number | null;
  /** From the end of the fault until the API said online and the agent answered. */
  recoveredMs: number | null;
}

declare module "vitest" {
  interface TaskMeta {
    measurement?: Measurement;
  }
}

const POLL_MS = 50;

/** The agent's log messages when it has lost its connection or cannot connect. */
const NOTICE = /connection lost|cannot connect/;

/** Measures one fault on one host, from `begin` on. */
export class Outage {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #id: string;
  readonly #mark: number;
  readonly #measured: Measurement;
  readonly #since = performance.now();
  #endedAt = this.#since;

  /** Call it right before the fault. */
  static async begin(task: TestContext["task"], lab: Lab, host: Host, fault: string): Promise<Outage> {
    const outage = new Outage(lab, host, await host.id(), fault);
    task.meta.measurement = outage.#measured;
    return outage;
  }

  private constructor(lab: Lab, host: Host, id: string, fault: string) {
    this.#lab = lab;
    this.#host = host;
    this.#id = id;
    this.#mark = host.log.length;
    this.#measured = { fault, offlineMs: null, noticedMs: null, recoveredMs: null };
  }

  /** The agent's log since the fault. */
  get log(): string {
    return this.#host.log.slice(this.#mark);
  }

  /** Call it right after the fault has ended. A fault without a duration ends when it begins: then do not call it. */
  end(): void {
    this.#endedAt = performance.now();
  }

  /** Waits until the agent logs this. */
  async untilLogged(text: string | RegExp, withinMs = 60_000): Promise<void> {
    await vi.waitFor(() => expect(this.log).toMatch(text), { timeout: withinMs, interval: POLL_MS });
  }

  /** Waits until the API says offline. */
  async untilOffline(withinMs: number): Promise<void> {
    await vi.waitFor(async () => expect(await this.#lab.admin.agent(this.#id)).toMatchObject({ status: "offline" }), {
      timeout: withinMs,
      interval: POLL_MS,
    });
    this.#measured.offlineMs = elapsed(this.#since);
  }

  /** Call it when the screen shows offline. The time that the screen adds counts too. */
  offlineOnScreen(): void {
    this.#measured.offlineMs = elapsed(this.#since);
  }

  /** Waits until the agent has noticed. */
  async untilNoticed(withinMs: number): Promise<void> {
    await this.untilLogged(NOTICE, withinMs);
    this.#measured.noticedMs = elapsed(this.#since);
  }

  /** Waits until the API is right and the agent answers. Returns the time since the fault ended; milliseconds. */
  async untilRecovered(): Promise<number> {
    await expectInvariants(this.#lab, [this.#host]);
    const recoveredMs = elapsed(this.#endedAt);
    this.#measured.recoveredMs = recoveredMs;
    return recoveredMs;
  }
}

function elapsed(since: number): number {
  return Math.round(performance.now() - since);
}
