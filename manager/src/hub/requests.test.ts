import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inboxToken } from "../protocol/subject.ts";
import { PendingRequests } from "./requests.ts";

const MAX_FRAME_BYTES = 1024;

/** A fake connection that records the frames sent over it. */
function connection(id: string) {
  const frames: { subject: string; reply: string; data?: unknown }[] = [];
  return {
    id,
    terms: { maxFrameBytes: MAX_FRAME_BYTES },
    frames,
    sendRequest: (frame: string) => frames.push(JSON.parse(frame)),
  };
}

/** The token of the last request sent over a connection. */
function lastToken({ id, frames }: ReturnType<typeof connection>): string {
  return inboxToken(frames[frames.length - 1]?.reply ?? "", id) ?? "";
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a request", () => {
  it("is sent with an inbox of its connection and ends with the reply's data", async () => {
    const requests = new PendingRequests();
    const one = connection("c1");
    const outcome = requests.ask(one, "a.b", '{"n":1}', 1000);
    expect(one.frames).toMatchObject([{ subject: "a.b", data: { n: 1 } }]);
    expect(requests.size).toBe(1);
    expect(requests.settle("c1", lastToken(one), { dataJson: "2" })).toBe(true);
    expect(await outcome).toEqual({ ok: true, value: "2" });
    expect(requests.size).toBe(0);
  });

  it("ends with the reply's error", async () => {
    const requests = new PendingRequests();
    const one = connection("c1");
    const outcome = requests.ask(one, "a.b", undefined, 1000);
    requests.settle("c1", lastToken(one), { error: { code: "busy", message: "later" } });
    expect(await outcome).toEqual({ ok: false, error: { code: "busy", message: "later", byAgent: true } });
  });

  it("ends once: a second reply and the timeout have no effect", async () => {
    const requests = new PendingRequests();
    const one = connection("c1");
    const outcome = requests.ask(one, "a.b", undefined, 1000);
    const token = lastToken(one);
    requests.settle("c1", token, { dataJson: '"first"' });
    expect(requests.settle("c1", token, { dataJson: '"second"' })).toBe(false);
    vi.advanceTimersByTime(2000);
    expect(await outcome).toEqual({ ok: true, value: '"first"' });
  });

  it("times out, and a reply after the timeout is not delivered", async () => {
    const requests = new PendingRequests();
    const one = connection("c1");
    const outcome = requests.ask(one, "a.b", undefined, 1000);
    vi.advanceTimersByTime(1000);
    expect(await outcome).toMatchObject({ ok: false, error: { code: "timeout" } });
    expect(requests.settle("c1", lastToken(one), { dataJson: "1" })).toBe(false);
    expect(requests.size).toBe(0);
  });

  it("is not ended by a reply with its token from another connection", async () => {
    const requests = new PendingRequests();
    const one = connection("c1");
    requests.ask(one, "a.b", undefined, 1000);
    expect(requests.settle("c2", lastToken(one), { dataJson: "1" })).toBe(false);
    expect(requests.size).toBe(1);
  });

  it("is not ended by a reply to a request of an earlier table", async () => {
    const one = connection("c1");
    new PendingRequests().ask(one, "a.b", undefined, 1000);
    const requests = new PendingRequests();
    requests.ask(connection("c1"), "a.b", undefined, 1000);
    expect(requests.settle("c1", lastToken(one), { dataJson: "1" })).toBe(false);
  });

  it("fails at once when its connection is lost; requests of other connections go on", async () => {
    const requests = new PendingRequests();
    const lost = [1, 2].map(() => requests.ask(connection("c1"), "a.b", undefined, 1000));
    requests.ask(connection("c2"), "a.b", undefined, 1000);
    requests.disconnect("c1");
    for (const outcome of await Promise.all(lost)) {
      expect(outcome).toMatchObject({ ok: false, error: { code: "disconnected" } });
    }
    expect(requests.size).toBe(1);
  });

  it("is not sent if it does not fit into a frame", async () => {
    const requests = new PendingRequests();
    const one = connection("c1");
    const outcome = await requests.ask(one, "a.b", JSON.stringify("x".repeat(MAX_FRAME_BYTES)), 1000);
    expect(outcome).toMatchObject({ ok: false, error: { code: "payload_too_large" } });
    expect([one.frames.length, requests.size]).toEqual([0, 0]);
  });
});
