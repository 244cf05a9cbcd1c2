import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  type FeedOver,
  feedOver,
  live,
  NOW,
  say,
  settle,
  smallFrames,
  TOGETHER_MS,
  totals,
  type ViewerFake,
} from "../../test/feed-fakes.ts";
import { byteLength } from "../protocol/message.ts";
import type { Feed } from "./feed.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A payload of 64,000 bytes. */
const LONG = JSON.stringify("x".repeat(63_998));

/** Sends `count` changes, each as a frame of its own. */
function change(feed: Feed, sockets: Map<WebSocket, number>, socket: ViewerFake, count: number): void {
  for (let n = 0; n < count; n++) {
    // It beats, so that its lease does not end.
    sockets.set(socket, Date.now());
    feed.presence(live("a", { rttMs: n }));
    settle();
  }
}

const Welcome = z.object({ creditBytes: z.number() });

/** How many bytes a viewer that acknowledges nothing is sent at most. */
function flood(feed: Feed, sockets: FeedOver["sockets"], viewers: readonly ViewerFake[]): number[] {
  for (const socket of viewers) {
    say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
    socket.take();
  }
  for (let n = 0; n < 20; n++) {
    for (const socket of viewers) sockets.beats.set(socket, Date.now());
    feed.published("fleet.a", LONG);
    settle();
  }
  return viewers.map((socket) => totals(socket.takeTexts()).bytes);
}

it("many viewers that acknowledge nothing cost a hub 64 MiB at most: later ones get a narrower window", () => {
  const { feed, open, sockets } = feedOver();
  const viewers = Array.from({ length: 256 }, () => open());
  const windows = viewers.map((socket) => Welcome.parse(socket.take()[0]?.data).creditBytes);
  expect(windows.slice(0, 32)).toEqual(Array(32).fill(1_048_576));
  expect(windows.slice(32)).toEqual(Array(224).fill(131_072));

  const sent = flood(feed, sockets, viewers);
  for (const [n, bytes] of sent.entries()) expect(bytes).toBeLessThanOrEqual(windows[n] ?? 0);
  expect(sent.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(64 * 1_048_576);
});

it("a window stays as the welcome said: after hibernation, and when other viewers have gone", () => {
  const { feed, open, sockets } = feedOver();
  const viewers = Array.from({ length: 33 }, () => open());
  const narrow = viewers.at(-1) as ViewerFake;
  for (const socket of viewers.slice(0, 32)) {
    feed.forget(socket);
    sockets.tags.delete(socket);
  }
  settle();
  const woken = feedOver(sockets).feed;
  expect(flood(woken, sockets, [narrow])[0]).toBeLessThanOrEqual(131_072);
  const next = feedOver(sockets).open();
  expect(next.take()[0]?.data).toMatchObject({ creditBytes: 1_048_576 });
});

it("a viewer with a narrow window gets its resync when it has acknowledged in steps of that window", () => {
  const { feed, open, sockets } = feedOver();
  const narrow = Array.from({ length: 33 }, () => open()).at(-1) as ViewerFake;
  expect(flood(feed, sockets, [narrow])[0]).toBe(2 * byteLength(publication()));
  say(feed, narrow, "live.credit", { frames: 1, bytes: byteLength(publication()) });
  expect(narrow.takeSubjects()).toEqual([]);
  say(feed, narrow, "live.credit", { frames: 2, bytes: 2 * byteLength(publication()) });
  expect(narrow.takeSubjects()).toEqual(["live.resync"]);
});

const publication = () => `{"subject":"fleet.a","data":${LONG},"timestamp":${Date.now()}}`;

it("drops everything for a viewer that has acknowledged nothing, and sends it a resync once it has caught up", () => {
  const { feed, open, sockets } = feedOver();
  const [slow, fast] = [open(), open()];
  for (const socket of [slow, fast]) socket.take();
  const received: string[] = [];
  const acknowledge = (upTo: number) => say(feed, slow, "live.credit", totals(received.slice(0, upTo)));
  for (let n = 0; n < 300; n++) {
    change(feed, sockets.beats, slow, 1);
    sockets.beats.set(fast, Date.now());
    say(feed, fast, "live.credit", { frames: n + 1, bytes: 1e9 });
    received.push(...slow.takeTexts());
  }
  expect(received).toHaveLength(256);
  expect(fast.sent).toHaveLength(300);

  acknowledge(192);
  change(feed, sockets.beats, slow, 1);
  expect(slow.sent).toEqual([]);

  acknowledge(256);
  expect(slow.takeTexts()).toEqual([`{"subject":"live.resync","timestamp":${Date.now()}}`]);
  change(feed, sockets.beats, slow, 1);
  expect(slow.takeSubjects()).toEqual(["presence.a"]);
});

it("counts the resync as a frame", () => {
  const { feed, open, sockets } = feedOver();
  const socket = open();
  socket.take();
  change(feed, sockets.beats, socket, 257);
  const received = socket.takeTexts();
  say(feed, socket, "live.credit", totals(received));
  received.push(...socket.takeTexts());
  change(feed, sockets.beats, socket, 256);
  // The resync and 255 changes fill the window.
  expect(socket.takeSubjects()).toHaveLength(255);
  expect(received).toHaveLength(257);
});

it("does not count the welcome, answers and errors", () => {
  const { feed, open, sockets } = feedOver();
  const socket = open({ connectionId: "v-answers" });
  for (let n = 0; n < 10; n++) say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] }, "inbox.v-answers.1");
  for (let n = 0; n < 10; n++) say(feed, socket, "fleet.x");
  say(feed, socket, "agent.heartbeat", {});
  expect(socket.take()).toHaveLength(22);
  change(feed, sockets.beats, socket, 257);
  expect(socket.take()).toHaveLength(256);
});

it("the window holds bytes too: a client that acknowledges in steps gets its resync", () => {
  const { feed, open, sockets } = feedOver();
  const socket = open();
  say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  socket.take();
  const received: string[] = [];
  let acknowledged = 0;
  let resyncs = 0;
  for (let n = 0; n < 40; n++) {
    sockets.beats.set(socket, Date.now());
    feed.published("fleet.a", JSON.stringify("x".repeat(65_000)));
    settle();
  }
  expect(socket.sent.length).toBe(16);
  // The client of the contract: it acknowledges after every quarter of the window, and there is no rest to acknowledge.
  for (const text of socket.takeTexts()) {
    received.push(text);
    const { bytes } = totals(received);
    if (bytes - acknowledged < 262_144) continue;
    acknowledged = bytes;
    say(feed, socket, "live.credit", totals(received));
    resyncs += socket.takeSubjects().filter((subject) => subject === "live.resync").length;
  }
  expect(acknowledged).toBeLessThan(totals(received).bytes);
  expect(resyncs).toBe(1);
});

it("a viewer that never acknowledges costs nothing", () => {
  const { feed, open, sockets } = feedOver();
  const socket = open();
  say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  change(feed, sockets.beats, socket, 257);
  socket.take();
  const { saves } = socket;
  feed.presence(live("a"));
  feed.registry("a", { change: "removed", revision: 1, agentJson: null });
  feed.published("fleet.news", "1");
  expect(vi.getTimerCount()).toBe(0);
  settle();
  expect(socket.sent).toEqual([]);
  expect(socket.saves).toBe(saves);
});

/** Publishes until less than 50,000 bytes of the window are left. */
function fill({ feed, sockets }: FeedOver, socket: ViewerFake): string[] {
  for (let n = 0; n < 16; n++) {
    sockets.beats.set(socket, Date.now());
    feed.published("fleet.a", LONG);
    settle();
  }
  const received = socket.takeTexts();
  expect(received).toHaveLength(16);
  return received;
}

it("after a frame that does not fit, a shorter one that would fit is dropped too", () => {
  const over = feedOver();
  const socket = over.open();
  say(over.feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  socket.take();
  const received = fill(over, socket);
  over.feed.published("fleet.a", "1");
  received.push(...socket.takeTexts());
  over.feed.published("fleet.b", LONG);
  over.feed.published("fleet.c", JSON.stringify("x".repeat(2000)));
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(received).toHaveLength(17);
  expect(socket.take()).toEqual([]);
});

it("a viewer that is behind is not saved when others are sent to", () => {
  const over = feedOver();
  const [slow, other] = [over.open(), over.open()];
  say(over.feed, slow, "live.subscribe", { patterns: ["fleet.>"] });
  slow.take();
  fill(over, slow);
  over.feed.published("fleet.b", LONG);
  settle();
  const { saves } = slow;
  over.sockets.beats.set(other, Date.now());
  over.feed.presence(live("a"));
  settle();
  expect(other.takeSubjects()).toEqual(["live.welcome", "presence.a"]);
  expect(slow.saves).toBe(saves);
});

it("after hibernation a viewer is still behind, even if a short frame would fit", () => {
  const before = feedOver();
  const socket = before.open();
  say(before.feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  socket.take();
  const received = fill(before, socket);
  before.feed.published("fleet.b", LONG);
  settle();
  const { feed } = feedOver(before.sockets);
  feed.presence(live("a"));
  expect(socket.sent).toEqual([]);
  say(feed, socket, "live.credit", totals(received));
  expect(socket.takeSubjects()).toEqual(["live.resync"]);
});

it("totals survive hibernation", () => {
  const before = feedOver();
  const socket = before.open();
  socket.take();
  change(before.feed, before.sockets.beats, socket, 100);
  const middle = feedOver(before.sockets);
  change(middle.feed, before.sockets.beats, socket, 157);
  const received = socket.takeTexts();
  expect(received).toHaveLength(256);

  const { feed } = feedOver(before.sockets);
  feed.presence(live("b"));
  expect(socket.sent).toEqual([]);
  say(feed, socket, "live.credit", totals(received));
  expect(socket.takeSubjects()).toEqual(["live.resync"]);
});

it("a change that is longer than a frame makes each viewer read the list again", () => {
  const { feed, open } = feedOver(undefined, { settings: smallFrames(1024) });
  const socket = open();
  socket.take();
  feed.presence(live("first"));
  feed.presence(live("a"));
  feed.registry("b", { change: "enrolled", revision: 1, agentJson: JSON.stringify("x".repeat(1024)) });
  feed.presence(live("c"));
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(socket.takeSubjects()).toEqual(["presence.first", "presence.a", "live.resync", "presence.c"]);
});
