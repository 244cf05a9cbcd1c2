/** The outages that `make simulate` shows, and the load of a fleet without an outage. */
import { AGENTS_PER_HUB, CLOUDFLARE, type Limits } from "./limits.ts";
import type { Outage } from "./simulation.ts";

export const SIZES = [10_000, 60_000, 300_000, 1_000_000] as const;

export interface Scenario {
  readonly title: string;
  readonly outage: (agents: number) => Outage;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    title: "one hub is lost",
    outage: (agents) => ({ lost: Math.min(agents, AGENTS_PER_HUB), ofFirstHubs: true }),
  },
  { title: "a deploy resets every hub", outage: (agents) => ({ lost: agents }) },
  {
    // One reconnect a day: 1/1,440 of the agents lose their connection in that minute.
    title: "D1 is away for a minute",
    outage: (agents) => ({ lost: Math.round(agents / 1_440), noticedWithinMs: 60_000, registryAwayUntilMs: 60_000 }),
  },
  {
    title: "D1 is away for a minute, and every hub is reset at its beginning",
    outage: (agents) => ({ lost: agents, registryAwayUntilMs: 60_000 }),
  },
  {
    // Nobody answers: an agent notices within 45 s, and each attempt takes its whole time.
    title: "a region with 30 % of the agents is cut off for ten minutes",
    outage: (agents) => ({
      ...{ lost: Math.round(agents * 0.3), noticedWithinMs: 45_000 },
      ...{ unreachableUntilMs: 600_000, failingAttemptMs: CLOUDFLARE.attemptMs },
    }),
  },
];

/** What a change would bring to a million agents whose hubs are all reset. */
export const CHANGES: readonly { title: string; limits: Limits; spreadMs?: number }[] = [
  { title: "as it is", limits: CLOUDFLARE },
  { title: "a spread for the agents of one hub only", limits: { ...CLOUDFLARE, longestSpreadMs: 0 } },
  {
    title: "a spread of 20 minutes, which is as long as D1 needs",
    limits: { ...CLOUDFLARE, longestSpreadMs: 1_200_000 },
  },
  {
    title: "a spread and windows of 30 minutes",
    limits: { ...CLOUDFLARE, longestWindowMs: 1_800_000 },
    spreadMs: 1_800_000,
  },
  { title: "admission from the hub's own store", limits: { ...CLOUDFLARE, admissionMs: 0 } },
  { title: "4 databases", limits: { ...CLOUDFLARE, databases: 4 } },
  { title: "16 databases", limits: { ...CLOUDFLARE, databases: 16 } },
  {
    title: "admission from the hub's own store, 4 databases",
    limits: { ...CLOUDFLARE, admissionMs: 0, databases: 4 },
  },
];

/** The outages of docs/RELIABILITY.md "A thousand agents", as they were measured with real agents and a real manager. */
export const MEASURED = [
  { goneMs: 3_400, backMs: 8_200, peak: 318, mean: 121.5 },
  { goneMs: 23_100, backMs: 34_800, peak: 86, mean: 28.8 },
  { goneMs: 124_100, backMs: 58_300, peak: 41, mean: 17.1 },
] as const;

/**
 * The same outage in the simulation. The agents had enrolled one after the other, so the first were welcomed by a hub with few
 * agents, and have a short spread.
 */
export function herd(goneMs: number): Outage {
  return { lost: 1_000, unreachableUntilMs: goneMs, spreadMs: (agent) => Math.max(1_000, (agent + 1) * 10) };
}

export interface Load {
  readonly connectsPerSecond: number;
  /** The part of the time in which D1 works; more than 1 is too much. */
  readonly registryBusy: number;
}

/** The load of agents that lose their connection and come back at random times. */
export function steadyLoad(connectsPerSecond: number, { admissionMs, flushMs, transitionMs }: Limits): Load {
  // Each has a flush for its end and one for its beginning: at random times they rarely share one.
  const workMs = admissionMs + 2 * (flushMs + transitionMs);
  return { connectsPerSecond, registryBusy: (connectsPerSecond * workMs) / 1_000 };
}
