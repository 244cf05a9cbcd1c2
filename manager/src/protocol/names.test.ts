import { describe, expect, it } from "vitest";
import { cleanHostText, nameFault } from "./names.ts";
import { Name, Registration } from "./payloads.ts";

describe("a name", () => {
  it.each([
    ["ASCII", "edge-7.example <b>&'\""],
    ["an umlaut", "Büro"],
    ["a combining mark", "Bu\u0308ro"],
    ["Arabic", "خادم المكتب"],
    ["Arabic with a mark of direction", "\u200Fخادم\u200E 7"],
    ["Persian with a non-joiner", "می\u200Cخواهم"],
    ["Hebrew with points", "שָׁלוֹם"],
    ["Hindi with a joiner", "क्\u200Dष"],
    ["Chinese", "边缘节点"],
    ["Thai", "เซิร์ฟเวอร์"],
    ["an emoji", "🖥️"],
    ["a family of emoji", "👩‍👩‍👧‍👦 home"],
    ["a flag of tags", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}"],
    ["a keycap", "7️⃣"],
    ["spaces inside", "rack 4  left"],
  ])("may be %s", (_, name) => {
    expect(nameFault(name)).toBeNull();
    expect(Name.parse(name)).toBe(name);
  });

  it.each([
    ["zero width space", "\u200B", /invisible/],
    ["Hangul filler", "\u3164", /invisible/],
    ["half-width Hangul filler", "\uFFA0", /invisible/],
    ["word joiner inside", "edge\u2060-7", /invisible/],
    ["soft hyphen inside", "edge\u00AD-7", /invisible/],
    ["Braille blank", "\u2800\u2800", /invisible/],
    ["joiners alone", "\u200D\u200C", /visible/],
    ["variation selector alone", "\uFE0F", /visible/],
    ["marks of direction alone", "\u200F\u200E", /visible/],
    ["combining mark alone", "\u0301", /visible/],
    ["override", "edge\u202E7-", /direction/],
    ["embedding", "\u202Bedge", /direction/],
    ["isolate", "\u2066edge\u2069", /direction/],
    ["line separator", "edge\u20287", /line breaks/],
    ["paragraph separator", "edge\u20297", /line breaks/],
    ["line feed", "edge\n7", /line breaks/],
    ["next line", "edge\u00857", /line breaks/],
    ["delete", "edge\u007F7", /control/],
    ["half a character", "edge\uD83D7", /control/],
  ])("is refused with the reason: %s", (_, name, reason) => {
    expect(nameFault(name)).toMatch(reason);
    expect(Name.safeParse(name).error?.issues[0]?.message).toMatch(reason);
  });

  it.each(["", " ", "\u00A0", "\u3000\t", "\uFEFF"])("is refused if it is blank: %j", (name) => {
    expect(Name.safeParse(name).success).toBe(false);
  });
});

describe("a host's text", () => {
  it.each([
    ["edge-7", "edge-7"],
    ["", "unknown"],
    ["   ", "unknown"],
    ["\u200B\u3164", "unknown"],
    ["\u0301", "unknown"],
    ["\u202Eedge\u2066-7", "edge-7"],
    ["edge\u0000\n\u2028-7", "edge-7"],
    ["edge\uD83D-7", "edge-7"],
    ["büro-🖥", "büro-🖥"],
    ["x".repeat(254), "x".repeat(253)],
    [`${"x".repeat(252)}🖥`, "x".repeat(252)],
    ["\u200B".repeat(60_000), "unknown"],
  ])("%j is kept as %j", (word, kept) => {
    expect(cleanHostText(word, 253)).toBe(kept);
  });

  it("never prevents a registration", () => {
    const host = { version: "v".repeat(65), os: "", arch: "\u0007", hostname: "h".repeat(254) };
    expect(Registration.parse({ protocol: 1, ...host })).toEqual({
      protocol: 1,
      version: "v".repeat(64),
      os: "unknown",
      arch: "unknown",
      hostname: "h".repeat(253),
    });
  });
});
