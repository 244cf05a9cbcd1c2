import { describe, expect, it } from "vitest";
import { HeartbeatWindow } from "./heartbeat-window.ts";
import { SweepPlan, type Swept } from "./sweep.ts";

const INTERVAL_MS = 30_000;
const LEASE_MS = 40_000;
const WINDOW = new HeartbeatWindow("hub-0", INTERVAL_MS);
const TERMS = {
  heartbeatIntervalMs: INTERVAL_MS,
  leaseMs: LEASE_MS,
  maxFrameBytes: 65_536,
  messagesPerSecond: 25,
  bytesPerSecond: 1_048_576,
};
const plan = new SweepPlan(WINDOW, TERMS);
const OPENED = WINDOW.openedAt(1_790_000_000_000);

/** An agent whose last sign of life was at `lastSeen`. */
function agent(lastSeen: number, more: Partial<Swept> = {}): Swept {
  return { isRegistered: true, isAligned: true, lastSeen, leaseEnd: lastSeen + LEASE_MS, ...more };
}

describe("an agent that beats in the window", () => {
  it.each([
    ["before all beats have come", 3_000, 2_000, 0, 10_000],
    ["confirmed in this window", 12_000, 4_000, 10_000, INTERVAL_MS + 10_000],
    ["confirmed by a beat that came a little early", 12_000, -2_000, 10_000, INTERVAL_MS + 10_000],
    ["silent in this window, and its lease ends soon after", 10_000, -26_000, 10_000, 15_000],
    ["silent in this window, and its lease ends later", 10_000, -10_000, 10_000, 30_000],
  ])("is looked at when it has to be: %s", (_, now, lastSeen, sweptAt, due) => {
    expect(plan.dueAt(agent(OPENED + lastSeen), OPENED + sweptAt, OPENED + now) - OPENED).toBe(due);
  });
});

it("an agent that beats at any time is looked at when its lease ends, at most every ten seconds", () => {
  const unaligned = (lastSeen: number) => agent(OPENED + lastSeen, { isAligned: false });
  expect(plan.dueAt(unaligned(0), OPENED, OPENED) - OPENED).toBe(LEASE_MS);
  expect(plan.dueAt(unaligned(-35_000), OPENED, OPENED) - OPENED).toBe(10_000);
});

it("a connection that has yet to register is looked at when its time is over", () => {
  const waiting = agent(OPENED, { isRegistered: false, leaseEnd: OPENED + 8_000 });
  const due = plan.dueAt(waiting, OPENED + 7_000, OPENED + 7_500);
  expect(due - waiting.leaseEnd).toBeGreaterThanOrEqual(0);
  expect(due - waiting.leaseEnd).toBeLessThan(1_000);
  expect(due % 1_000).toBe(0);
});

it("sweeps are at least five seconds apart, and a clock that was set back keeps none away", () => {
  expect([4_999, 5_000, -3_600_000].map((ms) => plan.mayRun(OPENED, OPENED + ms))).toEqual([false, true, true]);
});
