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
  return {
    isAligned: true,
    isCorrected: false,
    lastSeen,
    lateAt: lastSeen + 35_000,
    leaseEnd: lastSeen + LEASE_MS,
    ...more,
  };
}

describe("an agent that beats in the window", () => {
  it.each([
    ["before all beats have come", 3_000, 2_000, 0, 10_000],
    ["before all beats have come, but its lease ends sooner", 3_000, -35_000, -5_000, 5_000],
    ["confirmed in this window", 12_000, 4_000, 10_000, INTERVAL_MS + 10_000],
    ["confirmed by a beat that came a little early", 12_000, -2_000, 10_000, INTERVAL_MS + 10_000],
    ["silent in this window, and its lease ends soon after", 10_000, -26_000, 10_000, 15_000],
    ["silent in this window, and it is late soon after", 10_000, -22_000, 10_000, 15_000],
    ["silent in this window, and it is late later", 10_000, -10_000, 10_000, 25_000],
    ["late, and its lease ends later", 25_000, -10_000, 25_000, 30_000],
  ])("is looked at when it has to be: %s", (_, now, lastSeen, sweptAt, due) => {
    expect(plan.dueAt(agent(OPENED + lastSeen), OPENED + sweptAt, OPENED + now) - OPENED).toBe(due);
  });
});

it("an agent that beat too early and was just corrected is looked at after the next window", () => {
  const due = (lastSeen: number) =>
    plan.dueAt(agent(OPENED + lastSeen, { isCorrected: true }), OPENED, OPENED + 10_000);
  expect(due(-3_000) - OPENED).toBe(INTERVAL_MS + 10_000);
  expect(due(-6_000) - OPENED).toBe(29_000);
});

describe("an agent that beats at any time", () => {
  it.each([
    ["alive: when its lease would end", 0, LEASE_MS],
    ["one beat was missed: when it is late", -32_000, 7_000],
    ["late: when its lease ends, at least 7 s after the last sweep", -35_000, 7_000],
  ])("is looked at when it has to be: %s", (_, lastSeen, due) => {
    expect(plan.dueAt(agent(OPENED + lastSeen, { isAligned: false }), OPENED, OPENED) - OPENED).toBe(due);
  });
});

describe("a beat", () => {
  it.each([
    ["in this window", 12_000, 3_000, true],
    ["a little early", 12_000, -2_000, true],
    ["a little late", 12_000, 7_000, true],
    ["of the window before, when this one is over", 12_000, -27_000, false],
    ["of the window before, while this one is open", 4_000, -27_000, true],
    ["outside of any window", 12_000, 8_000, false],
  ])("%s confirms an agent, or does not", (_, now, beat, confirms) => {
    expect(plan.isConfirmedBy(OPENED + beat, OPENED + now)).toBe(confirms);
  });
});

it("sweeps are at least five seconds apart, and a clock that was set back keeps none away", () => {
  expect(plan.notBefore(OPENED, OPENED + 1) - OPENED).toBe(5_000);
  expect(plan.notBefore(OPENED, OPENED - 3_600_000) - OPENED).toBe(-3_600_000);
});
