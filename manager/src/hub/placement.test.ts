import { expect, it } from "vitest";
import { hubName, isCurrent, shardNames } from "./placement.ts";

it("the current hubs are those that agents have", () => {
  const names = shardNames(12);
  expect(names.filter((name) => !isCurrent(name, 12))).toEqual([]);
  for (let n = 0; n < 1_000; n++) expect(isCurrent(hubName(`agent-${n}`, 12), 12)).toBe(true);
});

it.each(["hub-12", "hub--1", "hub-01", "hub-1.5", "hub-1e0", "hub- 1", "hub-", "hub", "xxx-1", ""])(
  "%j is not a current hub",
  (name) => {
    expect(isCurrent(name, 12)).toBe(false);
  },
);
