import fc from "fast-check";
import { describe, expect, it } from "vitest";
import matchVectors from "../../../docs/vectors/matches.json" with { type: "json" };
import patterns from "../../../docs/vectors/patterns.json" with { type: "json" };
import subjects from "../../../docs/vectors/subjects.json" with { type: "json" };
import { inbox, inboxToken, isPattern, isSubject, matches } from "./subject.ts";

describe("golden vectors", () => {
  // One test for all: some inputs are not valid Unicode, and a test title must be.
  it("subjects", () => {
    for (const { input, isSubject: expected } of subjects) {
      expect(isSubject(input), JSON.stringify(input)).toBe(expected);
    }
  });

  it("patterns", () => {
    for (const { input, isPattern: expected } of patterns) {
      expect(isPattern(input), JSON.stringify(input)).toBe(expected);
    }
  });

  it("matches", () => {
    for (const { pattern, subject, matches: expected } of matchVectors) {
      expect(matches(pattern, subject), JSON.stringify([pattern, subject])).toBe(expected);
    }
  });
});

describe("the matcher", () => {
  /** A simple and slow matcher: it compares the first token and calls itself for the rest. */
  function slow(pattern: readonly string[], subject: readonly string[]): boolean {
    const [wanted, ...pattern2] = pattern;
    const [token, ...subject2] = subject;
    if (wanted === undefined || token === undefined) return wanted === token;
    if (wanted === ">" && pattern2.length === 0) return true;
    return (wanted === "*" || wanted === token) && slow(pattern2, subject2);
  }

  const token = fc.constantFrom("a", "b", "c");
  const subject = fc.array(token, { minLength: 1, maxLength: 6 });
  const pattern = fc
    .tuple(fc.array(fc.oneof(token, fc.constant("*")), { maxLength: 5 }), fc.constantFrom("a", "b", "*", ">"))
    .map(([head, last]) => [...head, last]);

  it("agrees with a simple recursive matcher", () => {
    fc.assert(
      fc.property(pattern, subject, (p, s) => {
        expect(matches(p.join("."), s.join("."))).toBe(slow(p, s));
      }),
      { numRuns: 20_000 },
    );
  });

  it("accepts any two strings, and is true only for a valid pattern and a valid subject", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "a.>", "*", "\ud800", "a\0"));
    fc.assert(
      fc.property(text, text, (p, s) => {
        if (matches(p, s)) expect(isPattern(p) && isSubject(s)).toBe(true);
        if (isSubject(s)) expect(isPattern(s) && matches(s, s) && matches(">", s)).toBe(true);
      }),
    );
    for (const s of ["\ud800", "a.\udfff"])
      expect([isSubject(s), isPattern(s), matches(">", s)]).toEqual([false, false, false]);
    expect(isSubject("a".repeat(1_000_000))).toBe(false);
    expect(isPattern("*.".repeat(500_000))).toBe(false);
  });
});

it("inboxToken returns the token only for the inbox's own connection", () => {
  expect(inboxToken(inbox("c1", "t"), "c1")).toBe("t");
  expect(inboxToken(inbox("c1", "t"), "c2")).toBeNull();
  expect(inboxToken("inbox.c10.t", "c1")).toBeNull();
});
