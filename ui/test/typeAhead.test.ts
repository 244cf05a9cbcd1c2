import { expect, test } from "vitest";
import { typeAhead } from "../src/components/typeAhead.ts";

const words = ["Details", "Rename…", "Labels…", "Rotate token…", "Revoke…", "Remove…"];

/** Where letters lead that are typed one after the other, from the first word, with a pause in ms between them. */
function typed(letters: string, pauseMs = 0): number[] {
  let now = 0;
  const find = typeAhead(words, () => now);
  let at = 0;
  return [...letters].map((letter) => {
    now += pauseMs;
    const found = find(letter, at);
    if (found >= 0) at = found;
    return found;
  });
}

test.for([
  { letters: "l", places: [2] },
  { letters: "L", places: [2] },
  { letters: "rem", places: [1, 1, 5] },
  { letters: "rev", places: [1, 1, 4] },
  { letters: "ro", places: [1, 3] },
  { letters: "rrrrr", places: [1, 3, 4, 5, 1] },
  { letters: "x", places: [-1] },
  { letters: "dx", places: [0, -1] },
])("$letters leads to $places", ({ letters, places }) => {
  expect(typed(letters)).toEqual(places);
});

test("after a pause the letters begin anew", () => {
  expect(typed("rl", 1_000)).toEqual([1, 2]);
  expect(typed("rr", 1_000)).toEqual([1, 3]);
});
