import type { FleetEvent } from "./fleet.ts";

/** How even a herd's return was. */
export interface Return {
  /** From the manager's return until the last agent was connected, in milliseconds. */
  durationMs: number;
  /** Attempts to connect in each second of that time. */
  perSecond: number[];
  peak: number;
  mean: number;
}

/**
 * Measures a herd's return to a manager that was there again at `returned`, Unix milliseconds. Attempts are what the herd
 * decides on; how soon each is answered, the machine.
 */
export function measureReturn(events: readonly FleetEvent[], returned: number): Return {
  const back = firstOfEach(events.filter(({ event, at }) => event === "connected" && at >= returned));
  const durationMs = Math.max(...back.map(({ at }) => at - returned));
  const perSecond = Array<number>(Math.ceil(durationMs / 1000)).fill(0);
  let attempts = 0;
  for (const { event, at } of events) {
    if (event !== "connecting" || at < returned || at >= returned + durationMs) continue;
    const second = Math.floor((at - returned) / 1000);
    perSecond[second] = (perSecond[second] ?? 0) + 1;
    attempts++;
  }
  return { durationMs, perSecond, peak: Math.max(...perSecond), mean: attempts / (durationMs / 1000) };
}

/** Attempts that came before the wait that the agent had announced was over. */
export function earlyAttempts(events: readonly FleetEvent[]): FleetEvent[] {
  const notBefore = new Map<string, number>();
  return events.filter(({ agent, event, at, waitMs }) => {
    // Less what the clock that dates events may be slewed by meanwhile, against the one that waits.
    if (event === "waiting" && waitMs !== undefined) notBefore.set(agent, at + waitMs * 0.999 - 1);
    return event === "connecting" && at < (notBefore.get(agent) ?? 0);
  });
}

/** The first event of each agent. */
function firstOfEach(events: readonly FleetEvent[]): FleetEvent[] {
  return [...new Map(events.toReversed().map((event) => [event.agent, event])).values()].toReversed();
}
