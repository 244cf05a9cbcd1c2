import { expect, test } from "vitest";
import { countTests } from "./go-test.ts";

type Action = "pass" | "fail" | "skip";

/** Of a package `p`; no name is the package itself. */
const count = (...ends: [Action, string?][]) =>
  countTests(
    "agent",
    ends.map(([Action, Test]) => ({ Action, Package: "p", ...(Test !== undefined && { Test }) })),
  );

test("tests are counted, and those that only group others are not", () => {
  const ends: [Action, string?][] = [
    ["pass", "A/one"],
    ["pass", "A/two/deep"],
    ["pass", "A/two"],
    ["pass", "A"],
    ["skip", "B"],
    ["pass"],
  ];
  expect(count(...ends)).toEqual({ passed: 2, failures: [] });
});

test("a test whose subtest has a slash in its name is a group too", () => {
  expect(count(["pass", "A/http://x"], ["pass", "A"], ["pass"])).toEqual({ passed: 1, failures: [] });
});

test("a failure is counted once, not again for its group and its package", () => {
  expect(count(["fail", "A/one"], ["fail", "A"], ["fail"])).toEqual({ passed: 0, failures: ["agent: p.A/one"] });
});

test("a group that fails by itself is a failure", () => {
  expect(count(["pass", "A/one"], ["fail", "A"], ["fail"])).toEqual({ passed: 1, failures: ["agent: p.A"] });
});

test("a package that crashes or does not build is a failure", () => {
  expect(count(["pass", "A"], ["fail"])).toEqual({ passed: 1, failures: ["agent: p"] });
  expect(count(["fail"])).toEqual({ passed: 0, failures: ["agent: p"] });
});
