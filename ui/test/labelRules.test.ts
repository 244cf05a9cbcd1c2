import { expect, test } from "vitest";
import vectors from "../../docs/vectors/labels.json" with { type: "json" };
import { labelFault as faultOfManager } from "../../manager/src/protocol/label.ts";
import { labelFilter, matchesFilter, normalLabel } from "../src/agents/label.ts";
import { changedLabels } from "../src/agents/labelChange.ts";
import { labelFault } from "../src/agents/labelRules.ts";

test.for(vectors)("the dashboard judges the label $input as both ends do", ({ input, label }) => {
  expect(labelFault(input) === null ? normalLabel(input) : null).toBe(label);
  expect(labelFault(input) === null).toBe(faultOfManager(input) === null);
});

test("a lone surrogate is refused", () => {
  expect(labelFault("k=v\ud83dw")).toBe("The value must not contain control characters or line breaks.");
});

test.for([
  ["env", ["env=prod"], true],
  ["env", ["env"], true],
  ["env", ["environment"], false],
  ["env=prod", ["env=prod"], true],
  ["env=prod", ["env=product", "env"], false],
  ["env=", ["env"], true],
  ["env=", ["env=prod"], false],
  ["a==", ["a=="], true],
  ["a==", ["a"], false],
] as const)("the filter %j on the labels %j: %j", ([filter, labels, matches]) => {
  expect(matchesFilter(labels, filter)).toBe(matches);
});

test("the filter of a label matches it alone", () => {
  for (const { label } of vectors) {
    if (label === null) continue;
    expect(matchesFilter([label], labelFilter(label)), label).toBe(true);
    expect(matchesFilter([`${label}x`, "constructor-x"], labelFilter(label)), label).toBe(false);
  }
});

test("a label that is added replaces the one with its key", () => {
  expect(changedLabels(["edge", "env=dev", "site=ams"], { add: ["env=prod", "a"], remove: ["edge"] })).toEqual([
    "a",
    "env=prod",
    "site=ams",
  ]);
});
