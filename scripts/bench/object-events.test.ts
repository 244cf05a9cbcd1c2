import { expect, test } from "vitest";
import { ObjectEvents } from "./object-events.ts";

/** An object that its alarm wakes every 30 s and that a message reaches 5 s later. */
function woken(): ObjectEvents {
  const events = new ObjectEvents("http://127.0.0.1");
  for (let at = 0; at < 120_000; at += 30_000) {
    events.all.push({ what: "woke", at }, { what: "alarm", at }, { what: "message", at: at + 5_000 });
  }
  return events;
}

test("an object is awake until 10 s after its last event", () => {
  expect(woken().sleep(0, 120_000)).toEqual({ awake: 0.5, wakesPerMinute: 2, alarmsPerMinute: 2 });
});

test("the time in memory that began before the measurement counts from its beginning", () => {
  expect(woken().sleep(36_000, 60_000).awake).toBeCloseTo(9 / 24);
});

test("the pauses tell when the object was still in memory and when it was not", () => {
  expect(woken().pauses()).toEqual({ longestAwake: 5_000, shortestAsleep: 25_000 });
});
