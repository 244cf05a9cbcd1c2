import fc from "fast-check";
import { describe, expect, it } from "vitest";
import frames from "../../../docs/vectors/frames.json" with { type: "json" };
import { byteLength, decode, encode, exceedsBytes, type Message } from "./message.ts";
import { inbox, isSubject } from "./subject.ts";

const MAX = 65_536;

/** The inputs that the agent's fuzz tests have stored, as Go source text. */
const FUZZ_CORPUS = import.meta.glob<string>("../../../agent/internal/protocol/testdata/fuzz/*/*", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** A message with its payload parsed. */
function parsed({ dataJson, ...message }: Message) {
  return { ...message, ...(dataJson === undefined ? {} : { data: JSON.parse(dataJson) }) };
}

describe("golden vectors", () => {
  it.each(frames)("decode: $name", (vector) => {
    const decoded = decode(vector.frame, MAX);
    if ("message" in vector) expect(decoded.ok && parsed(decoded.message)).toEqual(vector.message);
    else {
      expect(decoded).toMatchObject({ ok: false, error: { code: vector.error } });
      expect("reply" in decoded ? decoded.reply : undefined).toBe("reply" in vector ? vector.reply : undefined);
    }
  });
});

describe("decode", () => {
  it("measures bytes, not characters, before it parses", () => {
    expect(decode(`"${"é".repeat(MAX / 2)}"`, MAX)).toMatchObject({ ok: false, error: { code: "payload_too_large" } });
    expect(decode("x".repeat(MAX), MAX)).toMatchObject({ ok: false, error: { code: "invalid_json" } });
  });

  it("refuses binary", () => {
    expect(decode(new ArrayBuffer(2), MAX)).toMatchObject({ ok: false, error: { code: "unsupported_frame" } });
  });

  it("is total: every text gives a message or an error with a code", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
        const decoded = decode(text, MAX);
        if (!decoded.ok) expect(decoded.error.code).toMatch(/^(invalid_|payload_|unsupported_)/);
      }),
    );
  });

  it("is total for nearly valid frames: golden vectors and inputs of the Go fuzzer, with a piece changed", () => {
    const corpus = [...frames.map(({ frame }) => frame), ...Object.values(FUZZ_CORPUS)];
    expect(corpus.length).toBeGreaterThan(frames.length);
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.constantFrom('"', "{", "}", "[", ",", "null"),
    );
    fc.assert(
      fc.property(fc.constantFrom(...corpus), fc.nat(), fc.nat(8), piece, (frame, at, length, changed) => {
        const start = at % (frame.length + 1);
        const decoded = decode(frame.slice(0, start) + changed + frame.slice(start + length), MAX);
        if (decoded.ok) expect(isSubject(decoded.message.subject)).toBe(true);
        else expect(decoded.error.code).toMatch(/^(invalid_|payload_|unsupported_)/);
        const reply = decoded.ok ? decoded.message.reply : decoded.reply;
        if (reply !== undefined) expect(isSubject(reply)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it("reads back what encode wrote", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (data, asks) => {
        const frame = encode("a.b", { dataJson: JSON.stringify(data), ...(asks ? { reply: inbox("c", "1") } : {}) });
        const decoded = decode(frame, 10_000_000);
        expect(decoded.ok && decoded.message.dataJson).toBe(JSON.stringify(data));
        expect(decoded.ok && decoded.message.reply).toBe(asks ? "inbox.c.1" : undefined);
      }),
    );
  });
});

it("exceedsBytes agrees with the encoder at every length", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(64), (text, limit) => {
      expect(exceedsBytes(text, limit)).toBe(new TextEncoder().encode(text).length > limit);
    }),
  );
});

it("counts the bytes of UTF-8, of half surrogate pairs too", () => {
  const part = fc.constantFrom("a", "é", "€", "\ud83d", "\ude00", "\ud83d\ude00", "\uffff", "x".repeat(600));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      expect(byteLength(text)).toBe(new TextEncoder().encode(text).byteLength);
    }),
  );
});
