import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  FakeSockets,
  feedOver,
  LEASE_MS,
  live,
  NOW,
  openWith,
  SETTINGS,
  say,
  settle,
  TOGETHER_MS,
  ViewerFake,
  WINDOW,
} from "../../test/feed-fakes.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

const SESSION = { idHash: "5e55", endsAt: NOW + 3_600_000 };

it("welcomes a viewer, and tells it to beat in the window of the agents", () => {
  const { open } = feedOver();
  const socket = open({ connectionId: "c7h2k9", shard: 3 });
  const welcome = {
    protocol: 1,
    connection: "c7h2k9",
    shard: 3,
    shards: SETTINGS.hubShards,
    version: "1.0.0",
    serverTime: NOW,
    heartbeatIntervalMs: 30_000,
    heartbeatDelayMs: WINDOW.delayMs("c7h2k9", NOW),
    leaseMs: LEASE_MS,
    maxFrameBytes: 65_536,
    creditFrames: 256,
    creditBytes: 1_048_576,
  };
  expect(socket.takeTexts()).toEqual([
    `{"subject":"live.welcome","data":${JSON.stringify(welcome)},"timestamp":${NOW}}`,
  ]);
  const beatsAt = NOW + welcome.heartbeatDelayMs;
  expect(beatsAt - WINDOW.openedAt(beatsAt)).toBeLessThan(WINDOW.lengthMs);
});

it("tags a viewer's socket with its connection, and with its session if it has one", () => {
  const { feed, open, sockets } = feedOver();
  const basic = open({ connectionId: "v-basic" });
  const session = open({ connectionId: "v-session", session: SESSION });
  expect(sockets.getTags(basic)).toEqual(["viewer", "v-basic"]);
  expect(sockets.getTags(session)).toEqual(["viewer", "v-session", "session:5e55"]);
  const agent = new ViewerFake();
  sockets.acceptWebSocket(agent, ["c1"]);
  expect([basic, session, agent].map((socket) => feed.owns(socket))).toEqual([true, true, false]);
});

it("refuses the 257th viewer, and has room again when one is gone", async () => {
  const { feed, open } = feedOver();
  const first = open();
  for (let n = 1; n < 256; n++) open();
  const refused = openWith(feed, new ViewerFake());
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({ error: { code: "too_many_requests" } });
  feed.forget(first);
  open();
});

it("sends presence with the fields of the contract", () => {
  const { feed, open } = feedOver();
  const socket = open();
  socket.take();
  feed.presence(live("a", { status: "online", reason: "late", rttMs: 23, skewMs: -140 }));
  const data = {
    generation: 1,
    status: "online",
    reason: "late",
    since: NOW,
    lastSeen: NOW,
    connectedAt: NOW,
    version: "1",
    os: "linux",
    arch: "amd64",
    hostname: "edge-7",
    address: "203.0.113.9",
    rttMs: 23,
    skewMs: -140,
  };
  expect(socket.takeTexts()).toEqual([`{"subject":"presence.a","data":${JSON.stringify(data)},"timestamp":${NOW}}`]);
});

it("sends changes in the registry, with the agent's JSON unaltered", () => {
  const { feed, open } = feedOver();
  const socket = open();
  socket.take();
  for (const change of [
    { change: "renamed", revision: 7, agentJson: '{"id":"a", "n":1.0}' },
    { change: "removed", revision: 8, agentJson: null },
    { change: "flapping", flappingUntil: NOW + 1 } as const,
  ]) {
    feed.registry("a", change);
    settle();
  }
  expect(socket.takeTexts().map((text) => text.replace(/,"timestamp":\d+/, ""))).toEqual([
    '{"subject":"registry.a","data":{"change":"renamed","revision":7,"agent":{"id":"a", "n":1.0}}}',
    '{"subject":"registry.a","data":{"change":"removed","revision":8,"agent":null}}',
    `{"subject":"registry.a","data":{"change":"flapping","flappingUntil":${NOW + 1}}}`,
  ]);
});

it("sends a publication to those that watch its subject, with its payload unaltered", () => {
  const { feed, open } = feedOver();
  const [watching, other, idle] = [open(), open(), open()];
  say(feed, watching, "live.subscribe", { patterns: ["fleet.*", "fleet.>"] });
  say(feed, other, "live.subscribe", { patterns: ["agents.a.>"] });
  for (const socket of [watching, other, idle]) socket.take();
  feed.published("fleet.news", '{"n":1e400, "n":"\\u0041"}');
  settle();
  feed.published("fleet.bare", undefined);
  expect(watching.takeTexts().map((text) => text.replace(/,"timestamp":\d+/, ""))).toEqual([
    '{"subject":"fleet.news","data":{"n":1e400, "n":"\\u0041"}}',
    '{"subject":"fleet.bare"}',
  ]);
  expect([...other.take(), ...idle.take()]).toEqual([]);
});

it("without viewers it looks for sockets once, at the first need, and sets no timer", () => {
  const { feed, sockets } = feedOver();
  expect(sockets.listed).toBe(0);
  for (let n = 0; n < 3; n++) {
    feed.presence(live("a"));
    feed.registry("a", { change: "removed", revision: n, agentJson: null });
    feed.published("fleet.news", "1");
  }
  expect(sockets.listed).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

it("finds its viewers and their patterns after hibernation", () => {
  const before = feedOver();
  const socket = before.open();
  say(before.feed, socket, "live.subscribe", { patterns: ["fleet.>"] });
  settle();
  socket.take();
  const { feed } = feedOver(before.sockets);
  feed.published("fleet.news", "1");
  feed.presence(live("a"));
  expect(socket.takeSubjects()).toEqual(["fleet.news", "presence.a"]);
});

it("does not mistake an agent's socket for a viewer's", () => {
  const { feed, sockets, open } = feedOver();
  const agent = new ViewerFake();
  sockets.acceptWebSocket(agent, ["c1"]);
  agent.serializeAttachment({ v: 1, id: "c1" });
  open();
  feed.presence(live("a"));
  feed.receive(agent, "not JSON");
  feed.endSessions(null);
  expect(agent.sent).toEqual([]);
  expect(agent.closed).toBeNull();
});

it("begins again with a client whose state it cannot read or whose welcome had other values", () => {
  const before = feedOver();
  const [unreadable, missing, good] = [before.open(), before.open(), before.open()];
  unreadable.serializeAttachment({ v: 1, id: 7 });
  missing.attachment = null;
  feedOver(before.sockets).feed.presence(live("a"));
  expect([unreadable, missing, good].map(({ closed }) => closed)).toEqual([4503, 4503, null]);
  expect(unreadable.reason).toBe("going_away");
  feedOver(before.sockets, { settings: { ...SETTINGS, hubShards: 2 } }).feed.presence(live("a"));
  expect(good.closed).toBe(4503);
});

it("reads a state with fields of a later version", () => {
  const before = feedOver();
  const socket = before.open();
  socket.serializeAttachment({ ...Object(socket.deserializeAttachment()), v: 2, later: true });
  socket.take();
  feedOver(before.sockets).feed.presence(live("a"));
  expect(socket.takeSubjects()).toEqual(["presence.a"]);
});

it("a socket that the hub has closed stays closed after hibernation", () => {
  const before = feedOver();
  const socket = before.open({ session: { idHash: "s", endsAt: NOW + 60_000 } });
  before.feed.endSessions(null);
  expect([socket.closed, socket.reason]).toEqual([4401, "session_over"]);
  // The runtime may show such a socket as open.
  socket.readyState = 1;
  socket.closed = null;
  socket.take();
  const { feed } = feedOver(before.sockets);
  feed.presence(live("a"));
  feed.receive(socket, '{"subject":"live.subscribe"}');
  expect(socket.sent).toEqual([]);
  expect(socket.closed).toBeNull();
});

it("saves the state once for each batch, and not when nothing changes", () => {
  const { feed, open } = feedOver();
  const socket = open();
  expect(socket.saves).toBe(1);
  for (let ms = 0; ms < 40 * TOGETHER_MS; ms += 50) {
    feed.presence(live("a", { rttMs: ms }));
    vi.advanceTimersByTime(50);
  }
  vi.advanceTimersByTime(40 * TOGETHER_MS);
  // When it opens, for the first change, and for each batch.
  expect(socket.saves).toBeLessThanOrEqual(1 + 1 + 40);
});

it("saves at once what it has sent and what it was told, and leaves no timer, because that would keep the hub awake", () => {
  const { feed, open } = feedOver();
  const socket = open();
  feed.presence(live("a"));
  expect(socket.saves).toBe(2);
  say(feed, socket, "live.credit", { frames: 1, bytes: 100 });
  expect(socket.saves).toBe(3);
  expect(vi.getTimerCount()).toBe(0);
  // Changes that come close together wait for their batch. Nothing waits after it.
  feed.presence(live("b"));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(socket.saves).toBe(4);
  expect(vi.getTimerCount()).toBe(0);
});

it("does not save a state again that has not changed", () => {
  const { feed, open } = feedOver();
  const [changed, other] = [open(), open()];
  for (const socket of [other, changed]) say(feed, socket, "live.credit", { frames: 0, bytes: 0 });
  expect([changed.saves, other.saves]).toEqual([2, 2]);
});

it("does not save the state of a socket that is gone", () => {
  const { feed, open } = feedOver();
  const socket = open();
  feed.presence(live("a"));
  feed.presence(live("b"));
  feed.forget(socket);
  vi.advanceTimersByTime(TOGETHER_MS);
  expect(socket.saves).toBe(2);
  expect(socket.takeSubjects()).toEqual(["live.welcome", "presence.a"]);
});

it("closes a viewer that has given no sign of life instead of sending to it", () => {
  const { feed, open, sockets } = feedOver();
  const [silent, beating, talking] = [open(), open(), open()];
  for (const socket of [silent, beating, talking]) socket.take();
  vi.setSystemTime(NOW + 5_000);
  sockets.beats.set(beating, NOW + 5_000);
  say(feed, talking, "live.credit", { frames: 0, bytes: 0 });
  vi.setSystemTime(NOW + LEASE_MS - 1);
  feed.presence(live("a"));
  expect(silent.takeSubjects()).toEqual(["presence.a"]);
  vi.advanceTimersByTime(TOGETHER_MS);
  feed.presence(live("b"));
  expect([silent.closed, silent.reason]).toEqual([4408, "lease_expired"]);
  expect(silent.sent).toEqual([]);
  expect([beating, talking].map((socket) => socket.takeSubjects())).toEqual([
    ["presence.a", "presence.b"],
    ["presence.a", "presence.b"],
  ]);
});

it("ends the sockets of one session, or of all sessions", () => {
  const { feed, open } = feedOver();
  const basic = open();
  const [first, second] = [open({ session: SESSION }), open({ session: SESSION })];
  const other = open({ session: { ...SESSION, idHash: "07e5" } });
  feed.endSessions(SESSION.idHash);
  const closes = () => [basic, first, second, other].map(({ closed }) => closed);
  expect(closes()).toEqual([null, 4401, 4401, null]);
  expect(first.reason).toBe("session_over");
  feed.endSessions(null);
  expect(closes()).toEqual([null, 4401, 4401, 4401]);
});

it("ends the sockets of a session in a hub that has just woken", () => {
  const before = feedOver(new FakeSockets());
  const socket = before.open({ session: SESSION });
  feedOver(before.sockets).feed.endSessions(SESSION.idHash);
  expect(socket.closed).toBe(4401);
});
