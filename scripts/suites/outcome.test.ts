import { expect, test } from "vitest";
import { settle } from "./outcome.ts";

test.for([
  ["a clean run stands", { passed: 3, failed: 0 }, true, 0],
  ["a failed test stands", { passed: 3, failed: 1 }, false, 1],
  ["a crash after tests that passed is a failure", { passed: 3, failed: 0 }, false, 1],
  ["a suite without a single test is a failure", { passed: 0, failed: 0 }, true, 1],
] as const)("%s", ([, outcome, succeeded, failed]) => {
  expect(settle(outcome, succeeded).failed).toBe(failed);
});
