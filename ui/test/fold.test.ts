import { expect, test } from "vitest";
import { fold as foldOfManager } from "../../manager/src/registry/search.ts";
import { fold, naturalKey } from "../src/agents/fold.ts";

test.for([
  "Edge-7",
  "",
  "Straße",
  "ſ",
  "ΟΔΟΣ",
  "Ωmega",
  "İstanbul",
  "e\u0301",
  "Ǆ",
  "ﬁ",
  "Küche\nEDGE",
  "مضيف",
  "日本",
  "🦊",
])("the dashboard folds %j as the manager does", (text) => {
  expect(fold(text)).toBe(foldOfManager(text));
  expect(fold(text.toUpperCase())).toBe(foldOfManager(text));
});

test("natural keys have the order of an operator's eye", () => {
  const names = ["edge-1", "edge-2", "Edge-10", "édge-11", "edge-12a", "edge-12b", "edge-100", "edge-00101", "web"];
  expect(names.toReversed().toSorted((a, b) => (naturalKey(a) < naturalKey(b) ? -1 : 1))).toEqual(names);
});
