import { expect, test } from "vitest";
import { GoTally } from "./go-test.ts";

function tally(...events: object[]) {
  const said: string[] = [];
  const counts = new GoTally((line) => said.push(line));
  for (const event of events) counts.read(JSON.stringify({ Package: "p", ...event }));
  return { said, ...counts.outcome() };
}

test("tests are counted, and those that only group others are not", () => {
  const { passed, failed } = tally(
    { Action: "pass", Test: "A/one" },
    { Action: "pass", Test: "A/two/deep" },
    { Action: "pass", Test: "A/two" },
    { Action: "pass", Test: "A" },
    { Action: "skip", Test: "B" },
    { Action: "pass" },
  );
  expect({ passed, failed }).toEqual({ passed: 2, failed: 0 });
});

test("a failure is counted once and shown with its output", () => {
  const { passed, failed, said } = tally(
    { Action: "output", Test: "A/one", Output: "a_test.go:7: got 1, want 2\n" },
    { Action: "fail", Test: "A/one" },
    { Action: "fail", Test: "A" },
    { Action: "fail", Elapsed: 0.5 },
  );
  expect({ passed, failed }).toEqual({ passed: 0, failed: 1 });
  expect(said).toContain("a_test.go:7: got 1, want 2");
});

test("a group that fails by itself is a failure", () => {
  expect(tally({ Action: "pass", Test: "A/one" }, { Action: "fail", Test: "A" })).toMatchObject({
    passed: 1,
    failed: 1,
  });
});
