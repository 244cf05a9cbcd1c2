import { expect, type TestContext, vi } from "vitest";
import type { Lab } from "../e2e/lab.ts";
import type { Host } from "./host.ts";
import { expectTruth } from "./invariant.ts";

/** What a fault cost. Times are milliseconds; null: it did not come to that, or nobody looked. */
export interface Measurement {
  fault: string;
  /** From the fault until the API, or a screen, said offline. */
  offlineMs: number | null;
  /** From the fault until the agent said so. */
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

/** The agent's words when it has lost its connection, or finds none. */
const NOTICE = /connection lost|cannot connect/;

/** Takes the times of one fault on one host, from `begin` on. */
export class Outage {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #id: string;
  readonly #mark: number;
  readonly #measured: Measurement;
  readonly #since = performance.now();
  #overAt = this.#since;

  /** To be called right before the fault. */
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

  /** What the agent has said since. */
  get said(): string {
    return this.#host.log.slice(this.#mark);
  }

  /** To be called right after the fault has ended; one that ends by itself is over as it begins. */
  over(): void {
    this.#overAt = performance.now();
  }

  /** Waits until the agent says this. */
  async untilSaid(text: string | RegExp, withinMs = 60_000): Promise<void> {
    await vi.waitFor(() => expect(this.said).toMatch(text), { timeout: withinMs, interval: POLL_MS });
  }

  /** Waits until the API says offline. */
  async untilOffline(withinMs: number): Promise<void> {
    await vi.waitFor(async () => expect(await this.#lab.admin.agent(this.#id)).toMatchObject({ status: "offline" }), {
      timeout: withinMs,
      interval: POLL_MS,
    });
    this.#measured.offlineMs = elapsed(this.#since);
  }

  /** To be called when an operator has been told: the time that a screen adds counts too. */
  seen(): void {
    this.#measured.offlineMs = elapsed(this.#since);
  }

  /** Waits until the agent has noticed. */
  async untilNoticed(withinMs: number): Promise<void> {
    await this.untilSaid(NOTICE, withinMs);
    this.#measured.noticedMs = elapsed(this.#since);
  }

  /** Waits until the API tells the truth and the agent answers, and returns how long after the fault that is; milliseconds. */
  async untilRecovered(): Promise<number> {
    await expectTruth(this.#lab, [this.#host]);
    const recoveredMs = elapsed(this.#overAt);
    this.#measured.recoveredMs = recoveredMs;
    return recoveredMs;
  }
}

function elapsed(since: number): number {
  return Math.round(performance.now() - since);
}
