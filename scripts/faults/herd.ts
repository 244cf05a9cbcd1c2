import type { FleetEvent } from "./fleet.ts";

/** How evenly the agents of a fleet came back. */
export interface Return {
  /** From the manager's return until the last agent was connected, in milliseconds. */
  durationMs: number;
  /** Attempts to connect in each second of that time. */
  perSecond: number[];
  peak: number;
  mean: number;
}

/**
 * Measures how the agents came back to a manager that answered again at `returned`, Unix milliseconds. It counts
 * attempts, which the agents decide on: the answers depend on the speed of the machine.
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

/** Attempts before the end of the wait that the agent had announced. */
export function earlyAttempts(events: readonly FleetEvent[]): FleetEvent[] {
  const notBefore = new Map<string, number>();
  return events.filter(({ agent, event, at, waitMs }) => {
    // Minus a tolerance: the clock that dates events and the clock that waits may run differently.
    if (event === "waiting" && waitMs !== undefined) notBefore.set(agent, at + waitMs * 0.999 - 1);
    return event === "connecting" && at < (notBefore.get(agent) ?? 0);
  });
}

/** The first event of each agent. */
function firstOfEach(events: readonly FleetEvent[]): FleetEvent[] {
  return [...new Map(events.toReversed().map((event) => [event.agent, event])).values()].toReversed();
}
