import { expect, it } from "vitest";
import { MultiMap } from "./multimap.ts";

it("counts each value of a key once", () => {
  const [one, two, three] = [{ n: 1 }, { n: 2 }, { n: 3 }];
  const map = new MultiMap<object>();
  map.add("a", one);
  map.add("a", one);
  expect([map.size, map.count("a"), map.of("a")]).toEqual([1, 1, [one]]);
  map.add("a", two);
  map.add("a", two);
  map.add("b", one);
  expect([map.size, map.count("a"), map.of("a"), map.all()]).toEqual([3, 2, [one, two], [one, two, one]]);
  map.delete("a", three);
  map.delete("b", two);
  map.delete("c", one);
  map.delete("a", one);
  map.delete("b", one);
  map.delete("b", one);
  expect([map.size, map.count("b"), map.of("b")]).toEqual([1, 0, []]);
  expect([...map.entries()].map(([key, values]) => [key, [...values]])).toEqual([["a", [two]]]);
  map.add("a", one);
  expect([map.size, map.count("a"), map.of("a")]).toEqual([2, 2, [two, one]]);
  map.delete("a", one);
  map.delete("a", two);
  expect([map.size, map.all(), [...map.entries()]]).toEqual([0, [], []]);
});
