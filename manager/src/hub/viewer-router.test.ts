import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { feedOver, LEASE_MS, NOW, say, smallFrames } from "../../test/feed-fakes.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

const INBOX = "inbox.v-me.1";

/** A feed with the viewer `v-me`. */
function feedWithMe() {
  const over = feedOver();
  const socket = over.open({ connectionId: "v-me" });
  socket.take();
  return { ...over, socket };
}

it("answers a change of subscriptions with the whole new list", () => {
  const { feed, socket } = feedWithMe();
  const answers = (subject: string, patterns: string[]) => {
    say(feed, socket, subject, { patterns }, INBOX);
    return socket.take();
  };
  const list = (patterns: string[]) => [{ subject: INBOX, data: { patterns }, timestamp: NOW }];
  expect(answers("live.subscribe", ["fleet.>"])).toEqual(list(["fleet.>"]));
  expect(answers("live.subscribe", ["agents.*.x", "fleet.>"])).toEqual(list(["fleet.>", "agents.*.x"]));
  expect(answers("live.unsubscribe", ["fleet.>", "fleet.other"])).toEqual(list(["agents.*.x"]));
  say(feed, socket, "live.subscribe", { patterns: ["fleet.a"] });
  expect(socket.sent).toEqual([]);
  expect(answers("live.unsubscribe", ["agents.*.x"])).toEqual(list(["fleet.a"]));
});

it.each([
  ["forbidden", ["fleet.a", "presence.*"]],
  ["invalid_subject", ["fleet.a", "fleet.>.a"]],
  ["too_many_subscriptions", Array.from({ length: 32 }, (_, n) => `fleet.n${n}`)],
  ["invalid_data", []],
  ["invalid_data", Array.from({ length: 33 }, () => "fleet.a")],
  ["invalid_data", "fleet.a"],
])("after %s the whole request changes nothing", (code, patterns) => {
  const { feed, socket } = feedWithMe();
  say(feed, socket, "live.subscribe", { patterns: ["agents.a.>"] });
  say(feed, socket, "live.subscribe", { patterns }, INBOX);
  expect(socket.take()).toMatchObject([{ subject: INBOX, error: { code } }]);
  say(feed, socket, "live.unsubscribe", { patterns: ["agents.a.>", "presence.*"] }, INBOX);
  say(feed, socket, "live.unsubscribe", { patterns: ["fleet.zzz"] }, INBOX);
  expect(socket.take()).toMatchObject([{ error: { code: "forbidden" } }, { data: { patterns: ["agents.a.>"] } }]);
});

it("an error comes as live.error if there is no reply", () => {
  const { feed, socket } = feedWithMe();
  say(feed, socket, "live.subscribe", { patterns: [">"] });
  say(feed, socket, "live.credit", { frames: -1, bytes: 0 });
  expect(socket.take()).toMatchObject([
    { subject: "live.error", error: { code: "forbidden" } },
    { subject: "live.error", error: { code: "invalid_data" } },
  ]);
});

it("a reply that is not an inbox of this connection is refused, and nothing is done", () => {
  const { feed, socket } = feedWithMe();
  for (const reply of ["inbox.other.1", "inbox.v-me", "live.resync", "presence.a"]) {
    say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] }, reply);
  }
  expect(socket.take()).toMatchObject(
    Array.from({ length: 4 }, () => ({ subject: "live.error", error: { code: "invalid_data" } })),
  );
  feed.published("fleet.a", "1");
  expect(socket.sent).toEqual([]);
});

it.each([
  "agent.register",
  "agent.status",
  "agent.subscribe",
  "agent.unsubscribe",
  "agent.credit",
  "test.echo",
  "live.welcome",
  "live.resync",
  "presence.a",
  "fleet.news",
  INBOX,
])("a viewer may not send to %s", (subject) => {
  const { feed, socket } = feedWithMe();
  say(feed, socket, subject, { patterns: ["fleet.>"] });
  say(feed, socket, subject, { patterns: ["fleet.>"] }, "inbox.v-me.2");
  expect(socket.take()).toMatchObject([
    { subject: "live.error", error: { code: "forbidden" } },
    { subject: "inbox.v-me.2", error: { code: "forbidden" } },
  ]);
});

it("answers a heartbeat in another spelling or with data", () => {
  const { feed, socket } = feedWithMe();
  feed.receive(socket, '{ "subject": "agent.heartbeat" }');
  say(feed, socket, "agent.heartbeat", { rttMs: 5 });
  say(feed, socket, "agent.heartbeat", undefined, INBOX);
  const data = { serverTime: NOW, leaseMs: LEASE_MS };
  expect(socket.take()).toEqual([
    { subject: "agent.heartbeat.ack", data, timestamp: NOW },
    { subject: "agent.heartbeat.ack", data, timestamp: NOW },
    { subject: INBOX, data, timestamp: NOW },
  ]);
});

it("answers a bad frame at its inbox, or with live.error, and closes after 32", () => {
  const { feed, socket } = feedWithMe();
  feed.receive(socket, "no JSON");
  feed.receive(socket, new ArrayBuffer(3));
  feed.receive(socket, "x".repeat(70_000));
  feed.receive(socket, `{"subject":7,"reply":"${INBOX}"}`);
  feed.receive(socket, '{"subject":7,"reply":"inbox.other.1"}');
  feed.receive(socket, '{"subject":"a..b"}');
  expect(socket.take().map(({ subject, error }) => [subject, error?.code])).toEqual([
    ["live.error", "invalid_json"],
    ["live.error", "unsupported_frame"],
    ["live.error", "payload_too_large"],
    [INBOX, "invalid_message"],
    ["live.error", "invalid_message"],
    ["live.error", "invalid_subject"],
  ]);
  for (let n = 6; n < 31; n++) feed.receive(socket, "no JSON");
  expect(socket.closed).toBeNull();
  feed.receive(socket, "no JSON");
  expect([socket.closed, socket.reason]).toEqual([4400, "policy_violation"]);
  socket.take();
  feed.receive(socket, "no JSON");
  expect(socket.sent).toEqual([]);
});

it("remembers bad frames over hibernation", () => {
  const before = feedWithMe();
  for (let n = 0; n < 31; n++) before.feed.receive(before.socket, "no JSON");
  vi.advanceTimersByTime(10_000);
  const { feed } = feedOver(before.sockets);
  feed.receive(before.socket, "no JSON");
  expect(before.socket.closed).toBe(4400);
});

it("refuses what goes beyond 25 messages a second, and then closes", () => {
  const { feed, socket } = feedWithMe();
  // Five seconds' worth may come at once.
  for (let n = 0; n < 125; n++) say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
  expect(socket.sent).toEqual([]);
  say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
  say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
  say(feed, socket, "live.subscribe", { patterns: ["fleet.>"] }, INBOX);
  expect(socket.take().map(({ subject, error }) => [subject, error?.code])).toEqual([
    ["live.error", "rate_limited"],
    [INBOX, "rate_limited"],
  ]);
  feed.published("fleet.a", "1");
  expect(socket.sent).toEqual([]);
  for (let n = 3; n < 100; n++) say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
  expect(socket.closed).toBeNull();
  say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
  expect([socket.closed, socket.reason]).toEqual([4429, "rate_limited"]);
});

it("25 messages a second are within the budget", () => {
  const { feed, socket } = feedWithMe();
  for (let n = 0; n < 1000; n++) {
    say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
    vi.advanceTimersByTime(40);
  }
  expect(socket.sent).toEqual([]);
  expect(socket.closed).toBeNull();
});

it("an answer that is longer than a frame is an error", () => {
  const { feed, open } = feedOver(undefined, { settings: smallFrames(1024) });
  const socket = open({ connectionId: "v-me" });
  socket.take();
  for (let n = 0; n < 10; n++) {
    say(feed, socket, "live.subscribe", { patterns: [`fleet.n${n}.${"x".repeat(64)}.${"x".repeat(64)}`] }, INBOX);
  }
  expect(socket.take().at(-1)).toMatchObject({ subject: INBOX, error: { code: "payload_too_large" } });
});
