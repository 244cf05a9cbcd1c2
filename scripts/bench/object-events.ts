import { z } from "zod";

/** What the object of manager/bench/sleep-worker.ts did, and when; Unix milliseconds. */
const ObjectEvent = z.object({
  what: z.enum(["woke", "alarm", "message", "close", "fetch", "call"]),
  at: z.number(),
});
export type ObjectEvent = z.infer<typeof ObjectEvent>;

/** The runtime hibernates an object after this time without an event. {@link ObjectEvents.pauses} checks that. */
const IDLE_MS = 10_000;

export interface Sleep {
  /** The part of the time during which the object was in memory. */
  awake: number;
  /** How often it woke, per minute. */
  wakesPerMinute: number;
  alarmsPerMinute: number;
}

/** Everything that the object of one runtime has done since it was started. */
export class ObjectEvents {
  readonly #url: string;
  readonly all: ObjectEvent[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  /** Fetches the new events. This does not wake the object. */
  async update(): Promise<void> {
    const answer = await fetch(`${this.#url}/bench/events`);
    this.all.push(...z.array(ObjectEvent).parse(await answer.json()));
  }

  /** When the object was last busy; Unix milliseconds, 0 if it never was. */
  get lastAt(): number {
    return this.all.at(-1)?.at ?? 0;
  }

  /** When the alarm rang last; Unix milliseconds, 0 if it never did. */
  get lastAlarmAt(): number {
    return this.all.findLast(({ what }) => what === "alarm")?.at ?? 0;
  }

  /** Whether the object has woken since then; Unix milliseconds. */
  wokeSince(since: number): boolean {
    return this.all.some(({ what, at }) => what === "woke" && at >= since);
  }

  /** How the object slept between two times; Unix milliseconds. */
  sleep(from: number, to: number): Sleep {
    let awakeMs = 0;
    let awakeUntil = from;
    let [wakes, alarms] = [0, 0];
    for (const { what, at } of this.all) {
      if (at > to) break;
      const start = Math.max(at, awakeUntil);
      const end = Math.min(at + IDLE_MS, to);
      if (end > start) {
        awakeMs += end - start;
        awakeUntil = end;
      }
      if (at < from) continue;
      if (what === "woke") wakes++;
      if (what === "alarm") alarms++;
    }
    const minutes = (to - from) / 60_000;
    return { awake: awakeMs / (to - from), wakesPerMinute: wakes / minutes, alarmsPerMinute: alarms / minutes };
  }

  /**
   * The longest pause after which the object was still in memory, and the shortest after which it was not; milliseconds.
   * They are on both sides of {@link IDLE_MS} if the object really hibernates after that time.
   */
  pauses(): { longestAwake: number; shortestAsleep: number } {
    let [longestAwake, shortestAsleep] = [0, Number.POSITIVE_INFINITY];
    for (const [n, { what, at }] of this.all.entries()) {
      const pause = at - (this.all[n - 1]?.at ?? Number.NEGATIVE_INFINITY);
      if (what === "woke") shortestAsleep = Math.min(shortestAsleep, pause);
      else longestAwake = Math.max(longestAwake, pause);
    }
    return { longestAwake, shortestAsleep };
  }
}
