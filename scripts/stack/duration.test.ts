import { expect, test } from "vitest";
import { parseSeconds } from "./duration.ts";

test.for([
  ["90", 90],
  ["90s", 90],
  ["15m", 900],
  ["2h", 7_200],
  ["7d", 604_800],
] as const)("%s is %d seconds", ([text, seconds]) => {
  expect(parseSeconds(text)).toBe(seconds);
});

test.for(["", "h", "1.5h", "-1", "2 h", "1h30m", "2w", "1e3"])("%j is not a duration", (text) => {
  expect(() => parseSeconds(text)).toThrow("is not a duration");
});
