import { expect, it } from "vitest";
import { pack } from "./batch.ts";
import { MAX_DEPTH } from "./json.ts";
import { byteLength, decode, encode } from "./message.ts";

const message = (n: number, dataJson = '"x"') => encode(`fleet.m${n}`, { dataJson });

/** The messages in a frame: those of a batch, or the frame itself. */
function messagesIn(text: string): unknown[] {
  const { subject, data } = JSON.parse(text);
  return subject === "live.batch" ? data : [JSON.parse(text)];
}

it("one message is a plain frame, and none is no frame", () => {
  expect(pack([], 1024)).toEqual([]);
  const text = message(1, '"é"');
  expect(pack([text], 1024)).toEqual([{ text, bytes: text.length + 1 }]);
});

it("several messages are one batch, with their texts unaltered and in order", () => {
  const messages = [message(1, '{"n":1e400,"n":9007199254740993}'), message(2, '"\\u0041é"')];
  const [frame, ...others] = pack(messages, 1024);
  expect(others).toEqual([]);
  expect(frame?.text).toMatch(/^\{"subject":"live\.batch","data":\[.*\],"timestamp":\d+\}$/);
  expect(frame?.text).toContain(`[${messages.join(",")}]`);
  expect(frame?.bytes).toBe(byteLength(frame?.text ?? ""));
});

it("no batch is longer than a frame may be, and none is split sooner than needed", () => {
  const messages = Array.from({ length: 40 }, (_, n) => message(n, JSON.stringify("é".repeat(n * 3))));
  for (let maxBytes = 400; maxBytes < 480; maxBytes++) {
    const frames = pack(messages, maxBytes);
    expect(frames.flatMap(({ text }) => messagesIn(text))).toEqual(messages.map((text) => JSON.parse(text)));
    for (const { text, bytes } of frames) {
      expect(bytes).toBe(byteLength(text));
      expect(bytes).toBeLessThanOrEqual(maxBytes);
    }
  }
  const whole = pack(messages, 1_000_000)[0]?.bytes ?? 0;
  expect(pack(messages, whole)).toHaveLength(1);
  expect(pack(messages, whole - 1)).toHaveLength(2);
});

it("a message that fits into a frame but not into a batch is a plain frame", () => {
  const long = message(2, JSON.stringify("x".repeat(200)));
  const frames = pack([message(1), long, message(3)], byteLength(long));
  expect(frames.map(({ text }) => text)).toEqual(
    [message(1), long, message(3)].map((text) => expect.stringContaining(text.slice(0, 20))),
  );
  expect(frames[1]?.text).toBe(long);
});

it("a message that is too long for a frame makes a frame that is too long, alone", () => {
  const long = message(2, JSON.stringify("x".repeat(2000)));
  const frames = pack([message(1), message(1), long, message(3), message(3)], 1024);
  expect(frames.map(({ bytes }) => bytes > 1024)).toEqual([false, true, false]);
});

it("a payload that a batch would nest too deep is a plain frame", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const deep = message(2, nested(MAX_DEPTH - 1));
  expect(
    pack([message(1), message(1), deep, message(3), message(3)], 65_536).map(({ text }) => messagesIn(text).length),
  ).toEqual([2, 1, 2]);
  const [batch, ...others] = pack([message(1), message(2, nested(MAX_DEPTH - 2))], 65_536);
  expect(others).toEqual([]);
  expect(decode(batch?.text ?? "", 65_536).ok).toBe(true);
});
