import { expect, test } from "vitest";
import { growth, ratio, spread } from "./figures.ts";

test("the median of an even number of values is between the two in the middle", () => {
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4, rounds: [4, 1, 3, 2] });
  expect(spread([3, 1, 2]).median).toBe(2);
});

test("a ratio compares what was measured in the same round", () => {
  expect(ratio(spread([10, 40, 30]), spread([10, 20, 10]))).toEqual(spread([1, 2, 3]));
});

test.each([
  ["does not grow", () => 7, 0],
  ["grows in proportion", (size: number) => 3 * size, 1],
  ["grows with the square", (size: number) => size ** 2, 2],
])("a time that %s", (_, value, exponent) => {
  const points = [1_000, 2_000, 4_000, 8_000].map((size) => ({ size, value: value(size) }));
  expect(growth(points)).toBeCloseTo(exponent);
});
