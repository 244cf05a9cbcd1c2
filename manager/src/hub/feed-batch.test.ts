import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { feedOver, live, NOW, say, settle, smallFrames, TOGETHER_MS } from "../../test/feed-fakes.ts";
import { byteLength } from "../protocol/message.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

const removed = { change: "removed", revision: 1, agentJson: null };

it("sends the first change at once, and those of the next 250 ms together", () => {
  const { feed, open } = feedOver();
  const socket = open();
  socket.take();
  feed.presence(live("a"));
  expect(socket.takeSubjects()).toEqual(["presence.a"]);
  feed.presence(live("b"));
  vi.advanceTimersByTime(TOGETHER_MS - 1);
  feed.registry("c", removed);
  expect(socket.take()).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(socket.takeSubjects()).toEqual([["presence.b", "registry.c"]]);
});

it("after a batch it collects for another 250 ms, and then the next change goes at once", () => {
  const { feed, open } = feedOver();
  const socket = open();
  feed.presence(live("a"));
  feed.presence(live("b"));
  vi.advanceTimersByTime(TOGETHER_MS);
  socket.take();
  feed.presence(live("c"));
  expect(socket.take()).toEqual([]);
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(socket.takeSubjects()).toEqual(["presence.c"]);
  vi.advanceTimersByTime(TOGETHER_MS);
  feed.presence(live("d"));
  expect(socket.takeSubjects()).toEqual(["presence.d"]);
});

it("when nothing follows, no timer is left", () => {
  const { feed, open } = feedOver();
  const socket = open();
  say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  feed.presence(live("a"));
  feed.published("fleet.news", "1");
  settle();
  expect(vi.getTimerCount()).toBe(0);
});

it("a message of a batch has its own timestamp and is a whole message", () => {
  const { feed, open } = feedOver();
  const socket = open();
  socket.take();
  feed.registry("a", removed);
  vi.advanceTimersByTime(100);
  feed.registry("b", removed);
  feed.registry("c", removed);
  vi.advanceTimersByTime(TOGETHER_MS);
  const [alone, batch] = socket.take();
  const data = { change: "removed", revision: 1, agent: null };
  expect(alone).toEqual({ subject: "registry.a", data, timestamp: NOW });
  expect(batch).toEqual({
    subject: "live.batch",
    data: [
      { subject: "registry.b", data, timestamp: NOW + 100 },
      { subject: "registry.c", data, timestamp: NOW + 100 },
    ],
    timestamp: NOW + TOGETHER_MS,
  });
});

it("of several presences of one agent it sends the newest", () => {
  const { feed, open } = feedOver();
  const socket = open();
  feed.presence(live("first"));
  socket.take();
  feed.presence(live("a", { generation: 2, rttMs: 1 }));
  feed.presence(live("a", { generation: 2, rttMs: 2 }));
  feed.presence(live("b", { generation: 2, status: "offline" }));
  feed.presence(live("b", { generation: 2, status: "online" }));
  feed.presence(live("c", { generation: 3, status: "offline" }));
  feed.presence(live("c", { generation: 2 }));
  feed.presence(live("c", { generation: 4 }));
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(socket.take()).toMatchObject([
    {
      data: [
        { subject: "presence.a", data: { rttMs: 2 } },
        { subject: "presence.b", data: { status: "offline" } },
        { subject: "presence.c", data: { generation: 4 } },
      ],
    },
  ]);
});

it("keeps the order of an agent's presence and its changes in the registry, and every change in the registry", () => {
  const { feed, open } = feedOver();
  const socket = open();
  feed.presence(live("first"));
  socket.take();
  feed.presence(live("a"));
  feed.registry("a", { change: "renamed", revision: 2, agentJson: "{}" });
  feed.registry("a", { change: "renamed", revision: 3, agentJson: "{}" });
  feed.presence(live("a", { status: "offline", reason: "lost" }));
  feed.registry("a", removed);
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(socket.takeSubjects()).toEqual([["registry.a", "registry.a", "presence.a", "registry.a"]]);
});

it("splits what is longer than a frame, and sends every viewer the same texts", () => {
  const settings = smallFrames(1024);
  const { feed, open } = feedOver(undefined, { settings });
  const [first, second] = [open(), open()];
  for (const socket of [first, second]) socket.take();
  feed.presence(live("x"));
  for (let n = 0; n < 10; n++) feed.presence(live(`a${n}`));
  vi.advanceTimersByTime(TOGETHER_MS);
  const texts = first.takeTexts();
  expect(second.takeTexts()).toEqual(texts);
  expect(texts.length).toBeGreaterThan(3);
  expect(texts.every((text) => byteLength(text) <= 1024)).toBe(true);
  const subjects = texts.flatMap((text) => JSON.stringify(JSON.parse(text)).match(/presence\.\w+/g));
  expect(subjects).toEqual(["presence.x", ...Array.from({ length: 10 }, (_, n) => `presence.a${n}`)]);
});

it("encodes the changes of a batch once for all viewers", () => {
  const { feed, open } = feedOver();
  for (let n = 0; n < 20; n++) open();
  feed.presence(live("x"));
  const stringify = vi.spyOn(JSON, "stringify");
  for (let n = 0; n < 10; n++) feed.presence(live(`a${n}`));
  vi.advanceTimersByTime(TOGETHER_MS);
  const encoded = stringify.mock.calls.filter(([value]) => value?.status === "online");
  stringify.mockRestore();
  expect(encoded).toHaveLength(10);
});

it("a viewer gets a batch of the publications that it watched when they were published", () => {
  const { feed, open } = feedOver();
  const [all, some, none] = [open(), open(), open()];
  say(feed, all, "live.subscribe", { patterns: ["fleet.>"] });
  say(feed, some, "live.subscribe", { patterns: ["fleet.b"] });
  feed.published("fleet.a", "1");
  for (const socket of [all, some, none]) socket.take();
  feed.published("fleet.b", "2");
  feed.published("fleet.c", "3");
  say(feed, none, "live.subscribe", { patterns: ["fleet.>"] });
  feed.published("fleet.d", "4");
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(all.takeSubjects()).toEqual([["fleet.b", "fleet.c", "fleet.d"]]);
  expect(some.takeSubjects()).toEqual(["fleet.b"]);
  expect(none.takeSubjects()).toEqual(["fleet.d"]);
});

it("publications do not delay changes", () => {
  const { feed, open } = feedOver();
  const socket = open();
  say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  socket.take();
  feed.published("fleet.a", "1");
  feed.presence(live("a"));
  expect(socket.takeSubjects()).toEqual(["fleet.a", "presence.a"]);
});

it("does not collect more than a viewer's credit window", () => {
  const { feed, open } = feedOver();
  const socket = open();
  say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  const payload = JSON.stringify("x".repeat(60_000));
  feed.published("fleet.a", payload);
  socket.take();
  vi.advanceTimersByTime(TOGETHER_MS / 2);
  for (let n = 0; n < 17; n++) feed.published("fleet.a", payload);
  expect(socket.take()).toEqual([]);
  feed.published("fleet.a", payload);
  expect(socket.take().length).toBeGreaterThan(10);
  say(feed, socket, "live.credit", { frames: 1e9, bytes: 1e9 });
  socket.take();
  // From there on it collects for 250 ms again.
  vi.advanceTimersByTime(100);
  feed.published("fleet.b", "1");
  vi.advanceTimersByTime(TOGETHER_MS - 101);
  expect(socket.take()).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(socket.takeSubjects()).toEqual(["fleet.b"]);
});
