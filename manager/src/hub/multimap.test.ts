import { expect, it } from "vitest";
import { MultiMap } from "./multimap.ts";

it("counts each value of a key once", () => {
  const map = new MultiMap<number>();
  map.add("a", 1);
  map.add("a", 1);
  map.add("a", 2);
  map.add("b", 1);
  expect([map.size, map.count("a"), map.of("a"), map.all()]).toEqual([3, 2, [1, 2], [1, 2, 1]]);
  map.delete("a", 3);
  map.delete("c", 1);
  map.delete("a", 1);
  map.delete("b", 1);
  map.delete("b", 1);
  expect([map.size, map.count("b"), [...map.entries()]]).toEqual([1, 0, [["a", new Set([2])]]]);
});
