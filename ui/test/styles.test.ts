import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const files = import.meta.glob("../src/**/*.css");

/** The declarations and conditions of all style sheets, with their files. */
const lines = Object.keys(files).flatMap((file) =>
  readFileSync(new URL(file, import.meta.url), "utf8")
    .split("\n")
    .map((line) => ({ file, line: line.trim() })),
);

const matching = (pattern: RegExp) => lines.filter(({ line }) => pattern.test(line));

test.for([
  { rule: "text has its size in rem", broken: /^font(-size)?:.*\dpx/ },
  { rule: "media queries are in em", broken: /^@media.*\dpx/ },
  { rule: "no column is found by its number", broken: /:nth-/ },
  { rule: "no style sheet has words", broken: /^content: ".*[a-z]/i },
])("$rule", ({ broken }) => {
  expect(lines.length).toBeGreaterThan(1_000);
  expect(matching(broken)).toEqual([]);
});
