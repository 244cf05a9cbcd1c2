import { beforeEach, describe, expect, it, vi } from "vitest";
import { admission, arrive, Durable, HOST, LEASE_MS, load, NOW, SETTINGS } from "../../test/roster-fakes.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => {
    vi.useRealTimers();
  };
});

describe("a hub that is loaded again", () => {
  it("restores its sockets and HTTP leases, and records the end of connections without a socket", () => {
    const durable = new Durable();
    const before = load(durable);
    const [kept, broken] = [arrive(before.roster, "a"), arrive(before.roster, "b")];
    before.roster.arrive(admission("c", { connectionId: null }), HOST);
    broken.readyState = 3;
    durable.lastSweep = { ...durable.lastSweep, at: NOW + 20_000 };
    vi.setSystemTime(NOW + 30_000);
    const { roster, transitions } = load(durable);
    expect(roster.connections.bySocket(kept)?.agentId).toBe("a");
    expect(
      roster.connections
        .all()
        .map(({ agentId }) => agentId)
        .toSorted(),
    ).toEqual(["a", "c"]);
    // Nobody saw it break. At the last sweep it was still alive.
    expect(transitions.filter(({ agentId }) => agentId === "b")).toMatchObject([
      { agentId: "b", status: "online" },
      { agentId: "b", reason: "manager_restart", since: NOW + 20_000 },
    ]);
    expect(roster.expected).toBe(3);
  });

  it.each([
    ["the stored sweep, if no alarm was set", null, 20_000],
    ["the last sweep, which set the alarm one interval ahead", 65_000, 35_000],
    ["the stored sweep, if the alarm says less", 40_000, 20_000],
    ["now, if a clock was set back", 200_000, 90_000],
  ])("dates the end of a connection without a socket to %s", (_, alarmMs, sinceMs) => {
    const durable = new Durable();
    arrive(load(durable).roster, "a").readyState = 3;
    durable.lastSweep = { ...durable.lastSweep, at: NOW + 20_000 };
    vi.setSystemTime(NOW + 90_000);
    const { transitions } = load(durable, undefined, SETTINGS, undefined, alarmMs === null ? null : NOW + alarmMs);
    expect(transitions.at(-1)).toMatchObject({ reason: "manager_restart", since: NOW + sinceMs });
  });

  it("does not restore a connection that it had ended, even if its socket is not closed yet", () => {
    const durable = new Durable();
    const before = load(durable);
    const socket = arrive(before.roster, "a");
    before.roster.shutOut("a");
    socket.readyState = 1;
    const { roster, transitions } = load(durable);
    expect(roster.connections.bySocket(socket)).toBeUndefined();
    expect(transitions).toEqual([]);
  });

  it("closes the sockets of agents that belong to other hubs, each with a different delay", () => {
    const durable = new Durable();
    const before = load(durable);
    const [own, ...others] = ["a", "b", "c"].map((id) => arrive(before.roster, id));
    load(durable, (agentId) => agentId === "a");
    expect([own?.closed, ...others.map(({ closed }) => closed)]).toEqual([null, 4503, 4503]);
    expect(others.map(({ sent }) => JSON.parse(sent.at(-1) ?? "{}").data)).toEqual([{ delayMs: 0 }, { delayMs: 500 }]);
  });

  it("records the departure of agents that belong to other hubs", () => {
    const durable = new Durable();
    const before = load(durable);
    const [own, other] = [arrive(before.roster, "a"), arrive(before.roster, "b")];
    const { transitions } = load(durable, (agentId) => agentId === "a");
    expect([own.closed, other.closed]).toEqual([null, 4503]);
    expect(transitions).toMatchObject([{ agentId: "b", reason: "manager_restart", closeCode: 4503 }]);
  });

  it("ends the HTTP leases of agents that belong to other hubs", () => {
    const durable = new Durable();
    const before = load(durable);
    for (const agentId of ["a", "b"]) arrive(before.roster, agentId, { connectionId: null });
    const { roster, transitions } = load(durable, (agentId) => agentId === "a");
    expect(transitions.filter(({ status }) => status === "offline")).toMatchObject([
      { agentId: "b", reason: "manager_restart" },
    ]);
    expect(roster.status().filter(({ status }) => status === "online")).toMatchObject([{ agentId: "a" }]);
  });
});

describe("changed settings", () => {
  const shorter = { ...SETTINGS, heartbeatIntervalMs: 10_000, leaseMs: 15_000 };

  it("make agents with an older welcome reconnect evenly, and end no lease early", () => {
    const durable = new Durable();
    const before = load(durable);
    const [first, second] = [arrive(before.roster, "a"), arrive(before.roster, "b")];
    vi.setSystemTime(NOW + 29_000);
    const { roster, transitions } = load(durable, undefined, shorter);
    expect(transitions.map(({ reason }) => reason)).toEqual(["manager_restart", "manager_restart"]);
    expect([first.closed, second.closed]).toEqual([4503, 4503]);
    const delays = [first, second].map(({ sent }) => JSON.parse(sent.at(-1) ?? "{}").data.delayMs);
    expect(delays).toEqual([0, 500]);
    expect(roster.connections.all().length).toBe(0);
  });

  it("keep agents whose welcome had the same values", () => {
    const durable = new Durable();
    const before = load(durable);
    const socket = arrive(before.roster, "a");
    const { roster } = load(durable, undefined, { ...SETTINGS, hubShards: 2, hubMessagesPerSecond: 1 });
    expect([socket.closed, roster.connections.all().length]).toEqual([null, 1]);
  });

  it("that are changed back before the next sweep make the agents of the time between reconnect", () => {
    const durable = new Durable();
    load(durable).sweeper.sweepIfDue(NOW);
    const between = load(durable, undefined, { ...SETTINGS, hubShards: 2 });
    const [own, other] = [arrive(between.roster, "a"), arrive(between.roster, "b")];
    const { transitions } = load(durable, (agentId) => agentId === "a");
    expect([own.closed, other.closed]).toEqual([null, 4503]);
    expect(transitions).toMatchObject([{ agentId: "b", reason: "manager_restart" }]);
  });

  it("apply to agents whose terms were not stored by an older release", () => {
    const durable = new Durable();
    const before = load(durable);
    const socket = arrive(before.roster, "a");
    const { v: _, terms: __, ...stored } = JSON.parse(socket.attachment ?? "{}");
    socket.serializeAttachment(stored);
    const { roster } = load(durable, undefined, shorter);
    expect(socket.closed).toBeNull();
    expect(roster.connections.ofAgent("a")[0]?.leaseEnd()).toBe(NOW + 15_000);
  });

  it("do not shorten the lease of an existing connection", () => {
    const durable = new Durable();
    const { roster } = load(durable);
    const connection = roster.connections.bySocket(arrive(roster, "a"));
    expect(connection?.terms).toMatchObject({ leaseMs: LEASE_MS, heartbeatIntervalMs: 30_000 });
    expect(connection?.leaseEnd()).toBe(NOW + LEASE_MS);
  });
});
