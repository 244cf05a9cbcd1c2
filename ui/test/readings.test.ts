import { expect, test } from "vitest";
import { addReading, type Reading, rangeOf, stepLine } from "../src/screens/agent/readings.ts";

const readings = (...values: [number, number | null][]): Reading[] => values.map(([at, value]) => ({ at, value }));

test("a value that did not change adds no reading, and old ones go", () => {
  const once = addReading([], { at: 1, value: 5 });
  expect(addReading(once, { at: 2, value: 5 })).toBe(once);
  expect(addReading(once, { at: 2, value: null })).toHaveLength(2);
  let many: readonly Reading[] = [];
  for (let at = 0; at < 2_100; at += 1) many = addReading(many, { at, value: at });
  expect(many).toHaveLength(2_000);
  expect(many.at(-1)?.at).toBe(2_099);
});

test("the range leaves out what is not known", () => {
  expect(rangeOf(readings([0, 5], [1, null], [2, -3]))).toEqual({ min: -3, max: 5 });
  expect(rangeOf(readings([0, null]))).toBeNull();
});

test("the line has steps, and a gap where the value is not known", () => {
  expect(stepLine(readings([0, 0], [50, 10]), 100, 1_000, 100)).toBe("M0 100H500V0H1000");
  expect(stepLine(readings([0, 0], [25, null], [50, 10]), 100, 1_000, 100)).toBe("M0 100H250M500 0H1000");
  expect(stepLine(readings([0, 7]), 100, 1_000, 100)).toBe("M0 50H1000");
  expect(stepLine(readings([0, null]), 100, 1_000, 100)).toBe("");
  expect(stepLine([], 100, 1_000, 100)).toBe("");
});
