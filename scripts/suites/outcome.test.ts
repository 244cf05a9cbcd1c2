import { expect, test } from "vitest";
import { settle, verdict } from "./outcome.ts";

test.for([
  ["a clean run stands", { passed: 3, failures: [] }, true, []],
  ["a failed test stands", { passed: 3, failures: ["ui: a test"] }, false, ["ui: a test"]],
  [
    "a crash after tests that passed is a failure",
    { passed: 3, failures: [] },
    false,
    ["ui: its process failed although no test did"],
  ],
  ["a suite without a single test is a failure", { passed: 0, failures: [] }, true, ["ui: no test ran"]],
] as const)("%s", ([, outcome, succeeded, failures]) => {
  expect(settle("ui", outcome, succeeded).failures).toEqual(failures);
});

test("the output ends with every failure and the numbers", () => {
  expect(verdict({ passed: 3, failures: ["ui: one", "e2e: two"] })).toBe("✗ ui: one\n✗ e2e: two\n3 passed, 2 failed");
});
