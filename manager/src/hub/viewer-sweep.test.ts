import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeSockets, feedOver, LEASE_MS, NOW, SETTINGS, settle, WINDOW } from "../../test/feed-fakes.ts";
import { arrive, Durable, load } from "../../test/roster-fakes.ts";

/** A window has opened, and the sweep after it has been. */
const SETTLED = WINDOW.opensNext(NOW) + 10_000;

beforeEach(() => {
  vi.useFakeTimers({ now: SETTLED });
});
afterEach(() => {
  vi.useRealTimers();
});

const session = (idHash: string, endsAt: number) => ({ session: { idHash, endsAt } });

it("with no viewer it asks nothing and has nothing to look at", async () => {
  const passwordHash = vi.fn(async () => "password-hash");
  const { feed } = feedOver(undefined, { passwordHash });
  expect(await feed.sweep(SETTLED)).toBeNull();
  expect(feed.dueAt(SETTLED)).toBeNull();
  expect(passwordHash).not.toHaveBeenCalled();
});

it("closes a viewer whose lease has ended, and asks nothing more", async () => {
  const passwordHash = vi.fn(async () => "password-hash");
  const { feed, open } = feedOver(undefined, { passwordHash });
  const socket = open(session("s", SETTLED));
  expect(await feed.sweep(SETTLED + LEASE_MS)).toBeNull();
  expect([socket.closed, socket.reason]).toEqual([4408, "lease_expired"]);
  expect(passwordHash).not.toHaveBeenCalled();
});

it("closes the viewers that another password has opened", async () => {
  const { feed, open } = feedOver();
  const [old, present] = [open({ passwordHash: "old" }), open()];
  await feed.sweep(SETTLED);
  expect([old.closed, old.reason, present.closed]).toEqual([4401, "session_over", null]);
});

it("asks once for each session that has ended, and keeps those that were used meanwhile", async () => {
  const ends = new Map([
    ["used", SETTLED + 20_000],
    ["over", null],
  ]);
  const sessionEnd = vi.fn(async (idHash: string) => ends.get(idHash) ?? null);
  const sockets = new FakeSockets();
  const { feed, open } = feedOver(sockets, { sessionEnd });
  const used = [open(session("used", SETTLED)), open(session("used", SETTLED))];
  const over = [open(session("over", SETTLED - 1)), open(session("over", SETTLED - 1))];
  const later = open(session("later", SETTLED + 1));
  const basic = open();
  await feed.sweep(SETTLED);
  expect(sessionEnd.mock.calls.flat().toSorted()).toEqual(["over", "used"]);
  expect(over.map(({ closed, reason }) => [closed, reason])).toEqual([
    [4401, "session_over"],
    [4401, "session_over"],
  ]);
  expect([...used, later, basic].map(({ closed }) => closed)).toEqual([null, null, null, null]);

  // The new end is stored. It is not asked for before.
  settle();
  sessionEnd.mockClear();
  const woken = feedOver(sockets, { sessionEnd });
  await woken.feed.sweep(SETTLED + 10_000);
  expect(sessionEnd.mock.calls).toEqual([["later"]]);
  sessionEnd.mockClear();
  await woken.feed.sweep(SETTLED + 20_000);
  expect(sessionEnd.mock.calls).toEqual([["used"]]);
});

it("keeps a viewer if the registry cannot be reached, and asks again at the next sweep", async () => {
  const sessionEnd = vi.fn(async (idHash: string): Promise<number | null> => {
    if (idHash === "s") throw new Error("D1 is down");
    return null;
  });
  const { feed, open } = feedOver(undefined, { sessionEnd });
  const [socket, other] = [open(session("s", SETTLED)), open(session("other", SETTLED))];
  expect(await feed.sweep(SETTLED)).toBe(SETTLED + SETTINGS.heartbeatIntervalMs);
  expect([socket.closed, other.closed]).toEqual([null, 4401]);
  sessionEnd.mockResolvedValue(null);
  await feed.sweep(SETTLED + 10_000);
  expect(socket.closed).toBe(4401);
});

it("waits a few seconds at most for an answer of the registry that never comes", async () => {
  const sessionEnd = vi.fn(() => new Promise<null>(() => {}));
  const { feed, open } = feedOver(undefined, { sessionEnd });
  const socket = open(session("s", SETTLED));
  const swept = vi.fn();
  void feed.sweep(SETTLED).then(swept);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(swept).toHaveBeenCalledWith(SETTLED + SETTINGS.heartbeatIntervalMs);
  expect(socket.closed).toBeNull();
});

it("does not sweep twice within a few seconds, whatever the alarm rings for", async () => {
  const sessionEnd = vi.fn(async () => SETTLED);
  const { feed, open } = feedOver(undefined, { sessionEnd });
  open(session("s", SETTLED));
  for (let ms = 0; ms < 5_000; ms += 500) await feed.sweep(SETTLED + ms);
  expect(sessionEnd).toHaveBeenCalledTimes(1);
  await feed.sweep(SETTLED + 5_000);
  expect(sessionEnd).toHaveBeenCalledTimes(2);
});

it("looks at a viewer that has beaten when the next window has settled, and at a silent one when its lease ends", async () => {
  const { feed, open, sockets } = feedOver();
  const beating = open();
  expect(feed.dueAt(SETTLED)).toBe(SETTLED + SETTINGS.heartbeatIntervalMs);
  const nextSettled = SETTLED + SETTINGS.heartbeatIntervalMs;
  sockets.beats.set(beating, nextSettled - 4_000);
  expect(await feed.sweep(nextSettled)).toBe(nextSettled + SETTINGS.heartbeatIntervalMs);
  expect(await feed.sweep(nextSettled + SETTINGS.heartbeatIntervalMs)).toBe(nextSettled - 4_000 + LEASE_MS);
  // If the lease ends just after a sweep, the next sweep still keeps its distance.
  const { feed: woken } = feedOver(sockets);
  expect(await woken.sweep(nextSettled - 4_000 + LEASE_MS - 1)).toBe(nextSettled - 4_000 + LEASE_MS - 1 + 5_000);
});

it("costs no alarm more than the agents of its hub, if all beat in the window", async () => {
  const durable = new Durable();
  const { roster, sweeper, alarms } = load(durable);
  const { feed, open, sockets } = feedOver();
  vi.setSystemTime(SETTLED + 3_000);
  const agent = arrive(roster, "a", {}, true);
  const viewer = open();
  const due = () => Math.min(...alarms.splice(0));
  // An agent that has yet to register needs an early alarm. A viewer does not.
  due();
  let at = SETTLED + SETTINGS.heartbeatIntervalMs;
  expect(feed.dueAt(SETTLED + 3_000)).toBe(at);
  let rings = 0;
  for (const until = at + 10 * SETTINGS.heartbeatIntervalMs; at < until; rings++) {
    vi.setSystemTime(at);
    for (const [socket, beats] of [
      [agent, durable.beats],
      [viewer, sockets.beats],
    ] as const) {
      beats.set(socket, WINDOW.openedAt(at) + 3_000);
    }
    sweeper.sweepIfDue(at);
    const agents = due();
    const viewers = await feed.sweep(at);
    expect(viewers).toBe(agents);
    at = agents;
  }
  expect(rings).toBe(10);
  expect(viewer.closed).toBeNull();
});
