import { describe, expect, it } from "vitest";
import vectors from "../../../docs/vectors/labels.json" with { type: "json" };
import { joinLabel, labelFault, labelsFault, MAX_LABELS, splitLabel } from "./label.ts";
import { Label, LabelFilter, Labels, Registration } from "./payloads.ts";

describe("golden vectors", () => {
  it("labels", () => {
    for (const { input, label } of vectors) {
      expect(labelFault(input) === null, JSON.stringify(input)).toBe(label !== null);
      expect(Label.safeParse(input).data ?? null, JSON.stringify(input)).toBe(label);
    }
  });
});

describe("a label", () => {
  it("is its key and its value", () => {
    expect(splitLabel("a=b=c")).toEqual({ key: "a", value: "b=c" });
    for (const { label } of vectors) {
      if (label === null) continue;
      const { key, value } = splitLabel(label);
      expect(joinLabel(key, value)).toBe(label);
    }
  });

  it("is refused with a lone surrogate", () => {
    expect(labelFault("k=v\ud83dw")).toMatch(/control/);
  });

  it("keeps the empty value apart where it is a filter", () => {
    expect(["env", "env=", "env=prod"].map((filter) => LabelFilter.parse(filter))).toEqual(["env", "env=", "env=prod"]);
  });
});

describe("the labels of one agent", () => {
  const many = Array.from({ length: MAX_LABELS }, (_, n) => `k${n}=v`);

  it("are sorted", () => {
    expect(Labels.parse(["env=prod", "edge=", "Env"])).toEqual(["Env", "edge", "env=prod"]);
  });

  it.each([
    [[...many, "one-more"], "there must be at most 16 labels"],
    [["env=prod", "env"], "two labels must not have the same key"],
  ])("are refused together: %j", (labels, fault) => {
    expect(labelsFault(many)).toBeNull();
    expect(labelsFault(labels)).toBe(fault);
    const host = { protocol: 1, version: "1", os: "o", arch: "a", hostname: "h" };
    const issue = Registration.safeParse({ ...host, labels }).error?.issues[0];
    expect([issue?.path, issue?.message]).toEqual([["labels"], fault]);
  });
});
