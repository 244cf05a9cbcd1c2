import { expect, it } from "vitest";
import codes from "../../../docs/vectors/codes.json" with { type: "json" };
import { Close, mayTravel, protocolErrorCode } from "./close.ts";

it("the manager's close codes are the same as in the golden vectors", () => {
  const known = [...codes.closes.filter(({ code }) => code >= 4000), ...codes.viewerCloses];
  expect(Object.values(Close)).toEqual(known.map(({ code, name }) => ({ code, reason: name })));
});

it("a close frame may have every code of the golden vectors, but none of the reserved codes", () => {
  expect(codes.closes.every(({ code }) => mayTravel(code))).toBe(true);
  expect([0, 999, 1004, 1005, 1006, 1015, 5000].some(mayTravel)).toBe(false);
});

it.each<[unknown, number | null]>([
  // The messages are those of workerd.
  [
    new Error(
      "WebSocket protocol error; protocolError.statusCode = 1009; protocolError.description = Message is too large: 34603008 > 33554432",
    ),
    1009,
  ],
  [
    new Error(
      "WebSocket protocol error; protocolError.statusCode = 1002; protocolError.description = Unknown opcode 5",
    ),
    1002,
  ],
  [new Error("WebSocket protocol error"), 1002],
  [new Error("Network connection lost."), null],
  [new Error("WebSocket disconnected between frames without sending `Close`."), null],
  [new Error("internal error; reference = abc"), null],
  [new Error("a proxy says: WebSocket protocol error"), null],
  ["Network connection lost.", null],
  [undefined, null],
  [{ message: "WebSocket protocol error" }, null],
])("the socket error %s gives the close code %s; null means that the connection was lost", (error, code) => {
  expect(protocolErrorCode(error)).toBe(code);
});
