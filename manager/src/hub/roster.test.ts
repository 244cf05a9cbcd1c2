import { beforeEach, describe, expect, it, vi } from "vitest";
import { admission, arrive, Durable, HOST, LEASE_MS, load, NOW, open, reasons } from "../../test/roster-fakes.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => {
    vi.useRealTimers();
  };
});

describe("a connection that registers", () => {
  it("is found by socket and by agent, and puts its agent online", () => {
    const { roster, transitions } = load(new Durable());
    const admitted = admission("a");
    const socket = open(roster, admitted);
    expect(roster.connections.bySocket(socket)?.agentId).toBe("a");
    expect(roster.live("a")).toBeUndefined();
    expect(roster.status()).toEqual([]);
    roster.arrive(admitted, HOST);
    expect(roster.live("a")).toBe(roster.connections.bySocket(socket));
    expect(roster.connections.ofAgent("a")).toHaveLength(1);
    expect(roster.status(["a"])).toMatchObject([{ status: "online", generation: admitted.generation }]);
    expect(reasons(transitions)).toEqual(["online"]);
  });

  it("replaces an older connection of the same agent, and of no other agent", () => {
    const { roster, transitions, ended } = load(new Durable());
    const [older, other] = [arrive(roster, "a"), arrive(roster, "b")];
    const newer = arrive(roster, "a");
    expect([older.closed, other.closed, newer.closed]).toEqual([4409, null, null]);
    expect(ended).toHaveLength(1);
    expect(reasons(transitions)).toEqual(["online", "online", "replaced", "online"]);
  });

  it("is closed with 4503 if a connection of the same or a newer generation is there", () => {
    const { roster } = load(new Durable());
    const early = admission("a", { generation: NOW });
    const socket = open(roster, early);
    arrive(roster, "a", { generation: NOW });
    expect(roster.arrive(early, HOST)).toMatchObject({ ok: false, error: { code: "disconnected" } });
    expect(socket.closed).toBe(4503);
  });

  it("is refused if its socket has closed", () => {
    const { roster } = load(new Durable());
    const admitted = admission("a");
    open(roster, admitted).readyState = 3;
    expect(roster.arrive(admitted, HOST)).toMatchObject({ ok: false, error: { code: "disconnected" } });
  });

  it("closes an unregistered connection whose token it makes void", () => {
    const { roster } = load(new Durable());
    const waiting = open(roster, admission("a"));
    const enrolment = { id: "e", installId: "install-1", hostName: null, maxUses: 1 };
    arrive(roster, "a", { enrolment });
    expect(waiting.closed).toBe(4503);
    const candidate = open(roster, admission("a", { candidateHash: "h" }));
    arrive(roster, "a", { enrolment });
    expect(candidate.closed).toBeNull();
  });

  it("reveals a clone if two hosts replace each other in turn", () => {
    const { roster, clones } = load(new Durable());
    for (const bootId of ["boot-1", "boot-1", "boot-2"]) arrive(roster, "a", { bootId });
    expect(clones).toEqual([]);
    arrive(roster, "a", { bootId: "boot-1" });
    expect(clones).toMatchObject([{ first: { bootId: "boot-1" }, second: { bootId: "boot-2" } }]);
  });
});

describe("a departure", () => {
  it("is recorded with its reason and the close code", () => {
    const { roster, transitions } = load(new Durable());
    const socket = arrive(roster, "a");
    const connection = roster.connections.bySocket(socket);
    if (connection === undefined) throw new Error("no connection");
    roster.depart(connection, { reason: "stopped", code: 1000 });
    expect(transitions[1]).toMatchObject({ status: "offline", reason: "stopped", closeCode: 1000, since: NOW });
    expect(roster.connections.bySocket(socket)).toBeUndefined();
    expect(socket.closed).toBeNull();
  });

  it("after the end of the lease is recorded as lease_expired, since the end of the lease", () => {
    const { roster, transitions } = load(new Durable());
    const connection = roster.connections.bySocket(arrive(roster, "a"));
    if (connection === undefined) throw new Error("no connection");
    vi.setSystemTime(NOW + LEASE_MS + 5);
    roster.lose(connection, { reason: "lost", code: 1006 });
    expect(transitions[1]).toMatchObject({ reason: "lease_expired", since: NOW + LEASE_MS });
  });

  it("of an unregistered connection is not recorded", () => {
    const { roster, transitions, ended } = load(new Durable());
    const connection = roster.connections.bySocket(open(roster, admission("a")));
    if (connection === undefined) throw new Error("no connection");
    roster.lose(connection, { reason: "lost" });
    expect([transitions.length, ended.length]).toEqual([0, 1]);
  });

  it("ends every connection of an agent that was removed or revoked", () => {
    const { roster } = load(new Durable());
    const sockets = [arrive(roster, "a"), open(roster, admission("a"))];
    const other = arrive(roster, "b");
    roster.shutOut("a");
    expect([...sockets, other].map(({ closed }) => closed)).toEqual([4403, 4403, null]);
  });

  it("ends only the stale connection of an agent that may stay", () => {
    const { roster } = load(new Durable());
    const socket = arrive(roster, "a", { generation: NOW });
    roster.closeStale({ agentId: "a", generation: NOW - 1, barred: 0 });
    expect(socket.closed).toBeNull();
    roster.closeStale({ agentId: "a", generation: NOW, barred: 0 });
    expect(socket.closed).toBe(4503);
  });

  it("in a drain gives each agent a different delay, and keeps HTTP leases", () => {
    const { roster } = load(new Durable());
    const sockets = ["a", "b", "c", "d"].map((id) => arrive(roster, id));
    roster.arrive(admission("e", { connectionId: null }), HOST);
    expect(roster.drain(5000, 1)).toBe(4);
    const delays = sockets.map(({ sent }) => JSON.parse(sent[0] ?? "{}").data.delayMs);
    expect(delays).toEqual([5000, 5250, 5500, 5750]);
    expect(sockets.every(({ closed }) => closed === 4503)).toBe(true);
    expect(roster.connections.all().map(({ agentId }) => agentId)).toEqual(["e"]);
  });
});

describe("a reader", () => {
  it("is told a last sign of life that outlives the hub's memory", () => {
    const durable = new Durable();
    const { roster } = load(durable);
    const connection = roster.connections.bySocket(arrive(roster, "a"));
    const lastSeen = () => load(durable).roster.status(["a"])[0]?.lastSeen;
    for (const ms of [10, 999, 1_500, 1_600, 3_000]) {
      vi.setSystemTime(NOW + ms);
      connection?.touch(NOW + ms);
      expect(roster.status(["a"])[0]?.lastSeen).toBe(lastSeen());
    }
    expect(lastSeen()).toBe(NOW + 3_000);
  });

  describe.each(["the same hub", "the hub after hibernation"])("that is told that an agent is late", (which) => {
    it(`makes it told once, and the next sweep of ${which} tells that it is late no longer`, () => {
      const durable = new Durable();
      const before = load(durable);
      before.sweeper.sweepIfDue(NOW);
      const socket = arrive(before.roster, "a");
      before.told.length = 0;
      vi.setSystemTime(NOW + 36_000);
      for (let n = 0; n < 3; n++) expect(before.roster.status()).toMatchObject([{ reason: "late" }]);
      expect(before.told).toMatchObject([{ agentId: "a", reason: "late" }]);
      durable.beats.set(socket, NOW + 37_000);
      vi.setSystemTime(NOW + 40_000);
      before.told.length = 0;
      const { sweeper, told } = which === "the same hub" ? before : load(durable);
      sweeper.sweepIfDue(NOW + 40_000);
      expect(told).toMatchObject([{ agentId: "a", reason: null, lastSeen: NOW + 37_000 }]);
    });
  });
});
