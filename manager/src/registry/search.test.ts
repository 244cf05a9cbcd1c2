import { expect, it } from "vitest";
import { fold, isFound } from "./search.ts";

const AGENT = { id: "k3v", name: "edge-7", hostname: "edge-7.local", address: "203.0.113.9" };

it.each([
  ["Büro", "BÜRO"],
  ["Büro", "bu\u0308ro"],
  ["straße", "STRASSE"],
  ["ΟΔΟΣ", "οδος"],
  ["οδός", "ΟΔΌΣ"],
  ["Сервер", "сЕРВЕР"],
  ["İstanbul", "istanbul"],
  ["ISPARTA", "ısparta"],
  ["Ærø", "æRØ"],
  ["ﬁle", "FILE"],
  ["\u212Aelvin", "kelvin"],
  ["ⅷ", "Ⅷ"],
  ["边缘", "边缘"],
  ["edge", "EDGE"],
])("a search for one of %s and %s finds the other", (name, q) => {
  expect(isFound({ ...AGENT, name }, fold(q))).toBe(true);
  expect(isFound({ ...AGENT, name: q }, fold(name))).toBe(true);
  expect(isFound({ ...AGENT, hostname: `x ${name} y` }, fold(q))).toBe(true);
});

it("finds part of an id or an address, but no text across two fields", () => {
  expect(isFound(AGENT, fold("K3"))).toBe(true);
  expect(isFound(AGENT, fold("0.113"))).toBe(true);
  expect(isFound(AGENT, fold("7\nk3"))).toBe(false);
  expect(isFound({ ...AGENT, address: null }, fold("null"))).toBe(false);
  expect(isFound(AGENT, fold(""))).toBe(true);
});

it("folds ASCII to ASCII, as the registry's SQL needs", () => {
  const ascii = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code));
  expect(fold(ascii)).toBe(ascii.toLowerCase());
});
