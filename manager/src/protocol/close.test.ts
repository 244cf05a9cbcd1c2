import { expect, it } from "vitest";
import codes from "../../../docs/vectors/codes.json" with { type: "json" };
import { Close, mayTravel } from "./close.ts";

it("the manager's close codes are those that both ends know", () => {
  const known = codes.closes.filter(({ code }) => code >= 4000).map(({ code, name }) => ({ code, reason: name }));
  expect(Object.values(Close)).toEqual(known);
});

it("every close code that both ends know may travel, and none that stands for no code", () => {
  expect(codes.closes.every(({ code }) => mayTravel(code))).toBe(true);
  expect([0, 999, 1004, 1005, 1006, 1015, 5000].some(mayTravel)).toBe(false);
});
