import fc from "fast-check";
import { describe, expect, it } from "vitest";
import payloads from "../../../docs/vectors/payloads.json" with { type: "json" };
import { MAX_DEPTH, readObject } from "./json.ts";
import { decode, encode } from "./message.ts";

const MAX_FRAME_BYTES = 1_048_576;

const frameOf = (data: string) => `{"subject":"a.b","reply":"inbox.c.1","data":${data}}`;

describe("golden vectors", () => {
  it("the maximum depth is the same as in the golden vectors", () => {
    expect(MAX_DEPTH).toBe(payloads.maxDepth);
  });

  it.each(payloads.unaltered)("a payload arrives unaltered: $name", ({ data }) => {
    const decoded = decode(frameOf(data), MAX_FRAME_BYTES);
    const received = decoded.ok ? decoded.message.dataJson : undefined;
    expect(received).toBe(data);
    expect(encode("a.b", { dataJson: data })).toContain(`"data":${data},"timestamp"`);
  });

  it.each(payloads.refused)("a payload is refused: $name", ({ data, error }) => {
    expect(decode(frameOf(data), MAX_FRAME_BYTES)).toMatchObject({ ok: false, error: { code: error } });
  });

  it.each(payloads.nested)("$open nested $depth times", (vector) => {
    const { open, close, depth } = vector;
    const decoded = decode(frameOf(`${open.repeat(depth)}0${close.repeat(depth)}`), MAX_FRAME_BYTES);
    if (!("error" in vector)) expect(decoded).toMatchObject({ ok: true });
    // The error goes to the reply inbox, although the depth is found only after the inbox was read.
    else expect(decoded).toMatchObject({ ok: false, error: { code: vector.error }, reply: "inbox.c.1" });
  });
});

it("agrees with the runtime's parser about valid JSON and about every member", () => {
  const json = fc.json({ maxDepth: 6 });
  const space = fc.constantFrom("", " ", "\n", "\t\r ");
  const object = fc.tuple(fc.dictionary(fc.string(), json), space).map(([members, gap]) => {
    const pairs = Object.entries(members).map(([name, text]) => `${JSON.stringify(name)}${gap}:${text}${gap}`);
    return `${gap}{${gap}${pairs.join(`,${gap}`)}}${gap}`;
  });
  const changed = fc
    .tuple(
      object,
      fc.nat(),
      fc.nat(3),
      fc.constantFrom("", ",", '"', "}", "]", "{", "[", "0", "\\", "e", "\u0000", "null"),
    )
    .map(([text, at, length, piece]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + piece + text.slice(start + length);
    });
  fc.assert(
    fc.property(fc.oneof(object, changed, json), (text) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        expect(readObject(text)).toBe("not_json");
        return;
      }
      const members = readObject(text);
      if (typeof value !== "object" || value === null || Array.isArray(value)) expect(members).toBe("not_an_object");
      else if (typeof members === "string") expect.fail(`${text} is an object`);
      else {
        expect(new Map([...members].map(([name, member]) => [name, JSON.parse(member.text)]))).toEqual(
          new Map(Object.entries(value)),
        );
      }
    }),
    { numRuns: 10_000 },
  );
});

it("can scan any depth of nesting", () => {
  const members = readObject(`{"a":${"[".repeat(200_000)}${"]".repeat(200_000)},"b":1}`);
  expect(typeof members === "string" ? members : [...members.values()].map(({ depth }) => depth)).toEqual([200_000, 0]);
  expect(readObject(`{"a":${"[".repeat(200_000)}`)).toBe("not_json");
});

it("refuses a comma before the closing brace", () => {
  for (const text of ['{"a":1,}"b":2}', '{"a":1,}', "{,}", '{"a":1,,"b":2}', '{"a":1}}']) {
    expect(readObject(text), text).toBe("not_json");
  }
});
