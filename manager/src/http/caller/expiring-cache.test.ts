import { expect, it } from "vitest";
import { ExpiringCache, KEPT_MS } from "./expiring-cache.ts";

it("keeps an entry for a minute", () => {
  const cache = new ExpiringCache<string>(10);
  cache.set("a", "refused", 0);
  expect(cache.get("a", KEPT_MS - 1)).toBe("refused");
  expect(cache.get("a", KEPT_MS)).toBeUndefined();
  expect(cache.size).toBe(0);
  expect(cache.get("b", 0)).toBeUndefined();
});

it("counts the minute from the last time that the entry was set", () => {
  const cache = new ExpiringCache<number>(10);
  cache.set("a", 1, 0);
  cache.set("a", 2, 30_000);
  expect(cache.get("a", 80_000)).toBe(2);
  expect(cache.get("a", 90_000)).toBeUndefined();
});

it("drops the oldest entry when it is full", () => {
  const cache = new ExpiringCache<number>(3);
  for (const [n, key] of ["a", "b", "c", "a", "d"].entries()) cache.set(key, n, n);
  expect(cache.size).toBe(3);
  expect(["a", "b", "c", "d"].map((key) => cache.get(key, 5))).toEqual([3, undefined, 2, 4]);
  for (let n = 0; n < 1_000; n++) cache.set(`key ${n}`, n, 6);
  expect(cache.size).toBe(3);
});
