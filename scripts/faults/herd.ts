import type { FleetEvent } from "./fleet.ts";

/** How even a herd's return was. */
export interface Return {
  /** From the manager's return until the last agent was connected, in milliseconds. */
  durationMs: number;
  /** Connections in the second that had most of them, seconds counted from the manager's return. */
  peak: number;
  /** Connections per second over the whole duration. */
  mean: number;
  perSecond: number[];
}

/** Measures the connections of a herd after `returned`, Unix milliseconds. */
export function measureReturn(connected: readonly FleetEvent[], returned: number): Return {
  // An agent may be faster than the test at noticing that the manager is back.
  const times = connected.map(({ at }) => Math.max(0, at - returned));
  const durationMs = Math.max(...times);
  const perSecond = Array<number>(Math.floor(durationMs / 1000) + 1).fill(0);
  for (const second of times.map((time) => Math.floor(time / 1000))) perSecond[second] = (perSecond[second] ?? 0) + 1;
  return { durationMs, perSecond, peak: Math.max(...perSecond), mean: times.length / (durationMs / 1000) };
}

/** Attempts that came before the wait that the agent had announced was over. */
export function earlyAttempts(events: readonly FleetEvent[]): FleetEvent[] {
  // Waits are logged in whole milliseconds, and times cut to them.
  const TOLERANCE_MS = 2;
  const notBefore = new Map<string, number>();
  return events.filter(({ agent, event, at, waitMs }) => {
    if (event === "waiting" && waitMs !== undefined) notBefore.set(agent, at + waitMs - TOLERANCE_MS);
    return event === "connecting" && at < (notBefore.get(agent) ?? 0);
  });
}
