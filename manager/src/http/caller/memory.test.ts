import { expect, it } from "vitest";
import { Memory, REMEMBERED_MS } from "./memory.ts";

it("remembers for a minute, and no longer", () => {
  const memory = new Memory<string>(10);
  memory.remember("a", "refused", 0);
  expect(memory.recall("a", REMEMBERED_MS - 1)).toBe("refused");
  expect(memory.recall("a", REMEMBERED_MS)).toBeUndefined();
  expect(memory.size).toBe(0);
  expect(memory.recall("b", 0)).toBeUndefined();
});

it("counts the minute from when it was told last", () => {
  const memory = new Memory<number>(10);
  memory.remember("a", 1, 0);
  memory.remember("a", 2, 30_000);
  expect(memory.recall("a", 80_000)).toBe(2);
  expect(memory.recall("a", 90_000)).toBeUndefined();
});

it("holds no more than it may, and forgets the oldest", () => {
  const memory = new Memory<number>(3);
  for (const [n, key] of ["a", "b", "c", "a", "d"].entries()) memory.remember(key, n, n);
  expect(memory.size).toBe(3);
  expect(["a", "b", "c", "d"].map((key) => memory.recall(key, 5))).toEqual([3, undefined, 2, 4]);
  for (let n = 0; n < 1_000; n++) memory.remember(`key ${n}`, n, 6);
  expect(memory.size).toBe(3);
});
