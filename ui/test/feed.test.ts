import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Feed } from "../src/live/feed.ts";
import type { Message } from "../src/live/message.ts";
import { type FeedSocket, Manager } from "./manager.ts";

const second = 1_000;
const minute = 60 * second;
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

let feed: Feed | undefined;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => feed?.stop());

/** A feed that has been started, and what it has told of itself. */
async function openFeed(prepare: (manager: Manager) => void = () => {}) {
  const manager = new Manager();
  prepare(manager);
  const events: string[] = [];
  const told: Message[] = [];
  feed = new Feed((shard) => new WebSocket(`ws://zedops.test/api/live?shard=${shard}`), {
    complete: () => events.push("complete"),
    lost: () => events.push("lost"),
    failed: (blocked) => events.push(blocked ? "blocked" : "failed"),
    told: (messages) => told.push(...messages),
    resync: () => events.push("resync"),
    managerTime: () => {},
    sessionOver: () => events.push("session over"),
  });
  feed.start();
  await pass(10);
  return { manager, feed, events, told };
}

const shards = (sockets: readonly FeedSocket[]) => sockets.map(({ shard }) => shard);
const first = ({ openSockets }: Manager): FeedSocket => {
  const [socket] = openSockets;
  if (socket === undefined) throw new Error("no socket is open");
  return socket;
};

test("the first hub's welcome says how many hubs there are, and each gets a socket", async () => {
  const { manager, events } = await openFeed((manager) => {
    manager.shards = 4;
  });

  expect(shards(manager.openSockets)).toEqual([0, 1, 2, 3]);
  expect(events).toEqual(["complete"]);
});

test("heartbeats follow a fixed schedule from the welcome on, whatever comes in between", async () => {
  const { manager } = await openFeed();
  const socket = first(manager);
  const welcome = socket.beats[0] ?? 0;

  for (let at = 0; at < 100; at += 1) {
    await pass(second);
    socket.tell("fleet.noise");
  }

  expect(socket.beats.map((at) => at - welcome)).toEqual([0, 17_250, 47_250, 77_250]);
});

test("a socket from which nothing comes within 10 s of a beat is closed and opened anew", async () => {
  const { manager, events } = await openFeed();
  const socket = first(manager);
  await pass(17_200);
  socket.halfOpen = true;

  await pass(10_000);
  expect(events).toEqual(["complete"]);
  // The wait before it is opened anew is random.
  await pass(50);
  expect(events.slice(0, 2)).toEqual(["complete", "lost"]);
  expect(socket.isOpen).toBe(false);
  await pass(second);
  expect(events).toEqual(["complete", "lost", "complete"]);
});

test("any frame counts as a sign of life", async () => {
  const { manager, events } = await openFeed();
  const socket = first(manager);
  socket.send = () => {};
  await pass(17_260);
  socket.tell("fleet.noise");
  await pass(29_000);

  expect(events).toEqual(["complete"]);
});

test("a wake-up checks the open sockets at once", async () => {
  const { manager, feed, events } = await openFeed();
  first(manager).halfOpen = true;

  feed.wake();
  await pass(10_000);
  expect(events).toContain("lost");
});

test("credit is due after 64 frames, and after a quarter of the bytes", async () => {
  const { manager } = await openFeed();
  const socket = first(manager);
  for (let sent = 0; sent < 130; sent += 1) socket.frame('{"subject":"é"}');
  expect(socket.sent).toEqual([
    { subject: "live.credit", data: { frames: 64, bytes: 64 * 16 } },
    { subject: "live.credit", data: { frames: 128, bytes: 128 * 16 } },
  ]);

  for (let sent = 0; sent < 5; sent += 1) socket.frame(`{"subject":"x","data":"${"x".repeat(60_000)}"}`);
  expect(socket.sent).toHaveLength(3);
});

test("fewer frames are not acknowledged: each acknowledgement wakes the hub", async () => {
  const { manager } = await openFeed();
  const socket = first(manager);
  socket.frame('{"subject":"x"}');
  await pass(minute);
  expect(socket.sent).toEqual([]);
});

test("a batch is told message by message, without those that cannot be read", async () => {
  const { manager, told } = await openFeed();

  manager.tell("live.batch", [{ subject: "a.b", data: 1, timestamp: 5 }, { data: 2 }, 3, { subject: "a.c" }]);

  expect(told).toEqual([
    { subject: "a.b", data: 1, timestamp: 5, frame: expect.any(String), place: 0 },
    { subject: "a.c", data: undefined, timestamp: null, frame: told[0]?.frame, place: 3 },
  ]);
});

test("a lost socket is opened anew within a second, and later with longer waits, but at least every 30 s", async () => {
  const { manager } = await openFeed();
  manager.sockets = "fail";
  first(manager).closedWith(1006);
  await pass(second);
  expect(manager.feed.length).toBeGreaterThan(1);

  await pass(minute);
  const before = manager.feed.length;
  await pass(10 * minute);
  const attempts = manager.feed.length - before;
  expect(attempts).toBeGreaterThanOrEqual(20);
  expect(attempts).toBeLessThan(80);
});

test("three failures in a row, or 10 s without a welcome, mean that sockets are blocked", async () => {
  const { events } = await openFeed((manager) => {
    manager.sockets = "fail";
  });
  await pass(4 * second);
  expect(events.slice(0, 3)).toEqual(["failed", "failed", "blocked"]);
  feed?.stop();

  const hanging = await openFeed((manager) => {
    manager.sockets = "hang";
  });
  await pass(10 * second);
  expect(hanging.events).toEqual(["blocked"]);
});

test.for([4400, 4429])("after %i the next socket waits for a minute, even if the page wakes up", async (code) => {
  const { manager, feed } = await openFeed();

  first(manager).closedWith(code);
  feed.wake();
  await pass(59 * second);
  expect(manager.feed).toHaveLength(1);
  await pass(2 * second);
  expect(manager.feed).toHaveLength(2);
});

test("after 4503 the feed begins again with the first hub", async () => {
  const { manager, events } = await openFeed((manager) => {
    manager.shards = 4;
  });

  manager.shards = 2;
  manager.openSockets[2]?.closedWith(4503);
  expect(manager.openSockets).toHaveLength(0);
  await pass(2 * second);
  expect(shards(manager.openSockets)).toEqual([0, 1]);
  expect(events).toEqual(["complete", "lost", "complete"]);
});

test("after 4401 nothing is opened any more", async () => {
  const { manager, events } = await openFeed((manager) => {
    manager.shards = 2;
  });

  manager.openSockets[1]?.closedWith(4401);
  await pass(10 * minute);
  expect(events).toEqual(["complete", "session over"]);
  expect(manager.feed).toHaveLength(2);
  expect(manager.openSockets).toHaveLength(0);
});
