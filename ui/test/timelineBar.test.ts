import { expect, test } from "vitest";
import type { ConnectionEvent } from "../src/screens/agent/history.ts";
import { beginsAt, countOf, segmentsOf } from "../src/screens/agent/timelineBar.ts";

function event(at: number, reason: string | null = null): ConnectionEvent {
  const status = reason === null || reason === "late" ? "online" : "offline";
  return { at, status, reason, durationMs: null, address: null, closeCode: null };
}

const drawn = (events: readonly ConnectionEvent[], from: number, to: number) =>
  segmentsOf(events, from, to).map((segment) => [segment.from, segment.to, segment.presence.reason]);

test("each state lasts until the next one, and the last one until now", () => {
  expect(drawn([event(80), event(50, "lost"), event(20)], 0, 100)).toEqual([
    [20, 50, null],
    [50, 80, "lost"],
    [80, 100, null],
  ]);
});

test("what lies before the bar is cut off, and what is wholly before it is left out", () => {
  expect(drawn([event(80), event(50, "lost"), event(20), event(10, "stopped")], 60, 100)).toEqual([
    [60, 80, "lost"],
    [80, 100, null],
  ]);
});

test("states that lasted no time, and those of the future, are not drawn", () => {
  expect(drawn([event(120), event(50), event(50, "lost"), event(20)], 0, 100)).toEqual([
    [20, 50, null],
    [50, 100, null],
  ]);
});

test("the data begin with the bar, or later", () => {
  expect(beginsAt(segmentsOf([event(20)], 0, 100), 0)).toBe(20);
  expect(beginsAt(segmentsOf([event(20)], 30, 100), 30)).toBeNull();
  expect(beginsAt([], 0)).toBeNull();
});

test("an outage is an absence that nobody meant", () => {
  const reasons = [null, "lost", null, "stopped", "lease_expired", "manager_restart", "struck_by_lightning", "late"];
  const segments = segmentsOf(
    reasons.map((reason, at) => event(100 - at, reason)),
    0,
    200,
  );
  expect([countOf(segments, "up"), countOf(segments, "down"), countOf(segments, "away")]).toEqual([3, 3, 2]);
});
