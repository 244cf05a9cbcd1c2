/**
 * Simulated time in workerd. The clock stands where the test puts it and goes on from there, and it covers the times at
 * which the runtime answers beats. Alarms ring when their time has come. Short timers of the hubs run 50 times as fast.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, onTestFinished, vi } from "vitest";

/** Longer timers are limits that no test should reach. */
const LONGEST_QUICK_MS = 2_000;
const QUICKER = 50;
/** The clock is ahead from the beginning, so that the runtime rings no alarm by itself. */
const AHEAD_MS = 3_600_000;

export class SimulatedTime {
  readonly #hubs: readonly string[];
  readonly #realNow = Date.now.bind(Date);
  readonly #realTimeout = setTimeout;
  /** How far the clock was ahead, and since when in real time; the latest first. */
  readonly #ahead = [{ since: 0, ms: AHEAD_MS }];
  readonly #running = new Set<unknown>();

  private constructor(hubs: readonly string[]) {
    this.#hubs = hubs;
  }

  /** Begins simulated time for these hubs. It ends with the test. */
  static async begin(hubs: readonly string[]): Promise<SimulatedTime> {
    const time = new SimulatedTime(hubs);
    // Another test may have let a hub sweep at a time that is now to come again.
    for (const hub of hubs.map((name) => env.HUB.getByName(name))) {
      await hub.status();
      await evictDurableObject(hub);
    }
    vi.spyOn(Date, "now").mockImplementation(() => time.#at(time.#realNow()));
    const realClear = clearTimeout;
    vi.stubGlobal("setTimeout", (run: () => void, ms = 0) => time.#setTimeout(run, ms));
    vi.stubGlobal("clearTimeout", (timer: number) => {
      time.#running.delete(timer);
      realClear(timer);
    });
    await time.#shiftBeats();
    onTestFinished(() => {
      vi.unstubAllGlobals();
      vi.restoreAllMocks();
    });
    return time;
  }

  /** Puts the clock forward to this time. No alarm rings. */
  moveTo(at: number): void {
    const since = this.#realNow();
    const ms = Math.max(at - since, this.#ahead[0]?.ms ?? 0);
    this.#ahead.unshift({ since, ms });
  }

  /**
   * Lets time pass, and rings the alarms that are due.
   * @param each called before every 10 s of it
   */
  async pass(ms: number, each: () => Promise<void>): Promise<void> {
    const end = Date.now() + ms;
    for (let next = Date.now(); next < end; ) {
      await each();
      next = Math.min(end, next + 10_000);
      for (;;) {
        const { hub, at } = await this.#nextAlarm();
        if (at > next) break;
        await this.#ring(hub, at);
      }
      this.moveTo(next);
    }
  }

  /** Waits until no hub has a short timer. The runtime hibernates no hub before. */
  async untilIdle(): Promise<void> {
    await vi.waitUntil(() => this.#running.size === 0, { timeout: 30_000, interval: 2 });
  }

  /** The timers of a hub that has lost its memory never fire. */
  async forgetTimers(): Promise<void> {
    await new Promise((resolve) => this.#realTimeout(resolve, (1.5 * LONGEST_QUICK_MS) / QUICKER));
    this.#running.clear();
  }

  #at(real: number): number {
    return real + (this.#ahead.find(({ since }) => since <= real)?.ms ?? AHEAD_MS);
  }

  #setTimeout(run: () => void, ms: number): unknown {
    if (ms > LONGEST_QUICK_MS) return this.#realTimeout(run, ms);
    const timer: unknown = this.#realTimeout(() => {
      this.#running.delete(timer);
      run();
    }, ms / QUICKER);
    this.#running.add(timer);
    return timer;
  }

  async #ring(hub: string, at: number): Promise<void> {
    this.moveTo(at);
    expect(await runDurableObjectAlarm(env.HUB.getByName(hub))).toBe(true);
  }

  async #nextAlarm(): Promise<{ hub: string; at: number }> {
    let next = { hub: "", at: Number.POSITIVE_INFINITY };
    for (const hub of this.#hubs) {
      const at = await runInDurableObject(env.HUB.getByName(hub), (_, { storage }) => storage.getAlarm());
      if (at !== null && at < next.at) next = { hub, at };
    }
    return next;
  }

  /** Moves the times at which the runtime has answered beats to the simulated clock. */
  async #shiftBeats(): Promise<void> {
    const time = this;
    await runInDurableObject(env.HUB.getByName(this.#hubs[0] ?? ""), (_, ctx) => {
      const prototype: DurableObjectState = Object.getPrototypeOf(ctx);
      const answeredAt = prototype.getWebSocketAutoResponseTimestamp;
      vi.spyOn(prototype, "getWebSocketAutoResponseTimestamp").mockImplementation(function (
        this: DurableObjectState,
        socket,
      ) {
        const real = answeredAt.call(this, socket);
        return real && new Date(time.#at(real.getTime()));
      });
    });
  }
}
