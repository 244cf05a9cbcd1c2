import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  admission,
  arrive,
  Durable,
  FakeSocket,
  HOST,
  LEASE_MS,
  load,
  NOW,
  open,
  SETTINGS,
} from "../../test/roster-fakes.ts";
import type { Transition } from "../presence/presence.ts";
import { Close } from "../protocol/close.ts";
import { AGENT_TAG } from "./connection.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";

const reasons = (transitions: Transition[]) => transitions.map(({ status, reason }) => reason ?? status);

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
    expect(roster.bySocket(socket)?.agentId).toBe("a");
    expect(roster.live("a")).toBeUndefined();
    expect(roster.status()).toEqual([]);
    roster.arrive(admitted, HOST);
    expect(roster.live("a")).toBe(roster.bySocket(socket));
    expect(roster.ofAgent("a")).toHaveLength(1);
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

describe("connections that have not registered yet", () => {
  const enrolment = (maxUses: number) => ({ id: "e", installId: "install-1", hostName: null, maxUses });

  it("are limited for one enrolment token, even with different install ids", () => {
    const { roster } = load(new Durable());
    const use = enrolment(1);
    for (let n = 0; n < 4; n++) {
      expect(roster.hasRoomFor(admission(`a${n}`, { enrolment: use }))).toBe(true);
      open(roster, admission(`a${n}`, { enrolment: use }));
    }
    expect(roster.hasRoomFor(admission("a9", { enrolment: use }))).toBe(false);
    expect(roster.hasRoomFor(admission("b", { enrolment: { ...use, id: "other" } }))).toBe(true);
    expect(roster.hasRoomFor(admission("b"))).toBe(true);
  });

  it("are limited for one agent's own token", () => {
    const { roster } = load(new Durable());
    for (let n = 0; n < 4; n++) open(roster, admission("a"));
    expect([roster.hasRoomFor(admission("a")), roster.hasRoomFor(admission("b"))]).toEqual([false, true]);
  });

  it("have a higher limit for an enrolment token for several hosts, and a registration makes room for another", () => {
    const { roster } = load(new Durable());
    for (let n = 0; n < 500; n++) {
      const admitted = admission(`a${n}`, { enrolment: enrolment(500) });
      expect(roster.hasRoomFor(admitted)).toBe(true);
      open(roster, admitted);
      if (n % 64 === 63) for (const connection of roster.all()) roster.arrive(connection.state.admission, HOST);
    }
  });

  it("make room when they end, and still count after the hub was loaded again", () => {
    const durable = new Durable();
    const before = load(durable);
    const sockets = [1, 2, 3, 4].map(() => open(before.roster, admission("a")));
    const { roster } = load(durable);
    expect(roster.hasRoomFor(admission("a"))).toBe(false);
    const [first] = sockets;
    const connection = first && roster.bySocket(first);
    if (connection === undefined) throw new Error("no connection");
    roster.lose(connection, { reason: "lost" });
    expect(roster.hasRoomFor(admission("a"))).toBe(true);
  });

  it("count until the client has closed its end too: a client that ignores the close can still send frames", () => {
    const { roster } = load(new Durable());
    const use = enrolment(1);
    const closing: FakeSocket[] = [];
    while (roster.hasRoomFor(admission("a", { enrolment: use }))) {
      const socket = open(roster, admission(`a${closing.length}`, { enrolment: use }));
      const connection = roster.bySocket(socket);
      if (connection === undefined) throw new Error("no connection");
      roster.depart(connection, { reason: "policy", close: Close.rateLimited });
      closing.push(socket);
    }
    expect(closing).toHaveLength(8);
    for (const socket of closing.slice(0, 3)) roster.forgetSocket(socket);
    expect(roster.hasRoomFor(admission("a", { enrolment: use }))).toBe(true);
  });

  it.each([
    ["was loaded after another release", false],
    ["slept", true],
  ])("count after the hub %s, closed ones too", (_, slept) => {
    const durable = new Durable();
    const before = load(durable);
    if (slept) before.sweeper.sweepIfDue(NOW);
    for (let n = 0; n < 16; n++) {
      const connection = before.roster.bySocket(open(before.roster, admission("a")));
      if (connection === undefined) throw new Error("no connection");
      before.roster.depart(connection, { reason: "policy", close: Close.rateLimited });
    }
    for (const socket of durable.tags.keys()) if (socket instanceof FakeSocket) socket.readyState = 1;
    const { roster } = load(durable);
    expect([roster.hasRoomFor(admission("a")), roster.hasRoomFor(admission("b"))]).toEqual([false, true]);
  });

  it("are closed after 8 s, without an alarm", () => {
    const { roster, alarms } = load(new Durable());
    const registered = arrive(roster, "b");
    const before = alarms.length;
    const waiting = open(roster, admission("a"));
    vi.advanceTimersByTime(7_999);
    expect(waiting.closed).toBeNull();
    vi.advanceTimersByTime(1);
    expect([waiting.closed, registered.closed]).toEqual([4408, null]);
    // An alarm would cost a row for every connection.
    expect(alarms.length).toBe(before);
  });

  it("are looked for a few times a second at most, however many there are", () => {
    const { roster } = load(new Durable());
    const sockets: FakeSocket[] = [];
    for (let n = 0; n < 2_000; n++) {
      sockets.push(open(roster, admission(`a${n}`)));
      vi.advanceTimersByTime(1);
    }
    const looks = vi.spyOn(roster, "endExpired");
    vi.advanceTimersByTime(8_000);
    expect(sockets.filter(({ closed }) => closed === null)).toEqual([]);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(9);
  });

  it("leave no timer behind, which would keep the hub awake", () => {
    const { roster } = load(new Durable());
    arrive(roster, "a");
    const waiting = roster.bySocket(open(roster, admission("b")));
    if (waiting === undefined) throw new Error("no connection");
    expect(vi.getTimerCount()).toBe(1);
    roster.lose(waiting, { reason: "lost" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("do not count as agents that are expected back", () => {
    const { roster } = load(new Durable());
    arrive(roster, "a");
    for (let n = 0; n < 200; n++) open(roster, admission(`idle-${n}`));
    expect(roster.expected).toBe(1);
  });
});

describe("a departure", () => {
  it("is recorded with its reason and the close code", () => {
    const { roster, transitions } = load(new Durable());
    const socket = arrive(roster, "a");
    const connection = roster.bySocket(socket);
    if (connection === undefined) throw new Error("no connection");
    roster.depart(connection, { reason: "stopped", code: 1000 });
    expect(transitions[1]).toMatchObject({ status: "offline", reason: "stopped", closeCode: 1000, since: NOW });
    expect(roster.bySocket(socket)).toBeUndefined();
    expect(socket.closed).toBeNull();
  });

  it("after the end of the lease is recorded as lease_expired, since the end of the lease", () => {
    const { roster, transitions } = load(new Durable());
    const connection = roster.bySocket(arrive(roster, "a"));
    if (connection === undefined) throw new Error("no connection");
    vi.setSystemTime(NOW + LEASE_MS + 5);
    roster.lose(connection, { reason: "lost", code: 1006 });
    expect(transitions[1]).toMatchObject({ reason: "lease_expired", since: NOW + LEASE_MS });
  });

  it("of an unregistered connection is not recorded", () => {
    const { roster, transitions, ended } = load(new Durable());
    const connection = roster.bySocket(open(roster, admission("a")));
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
    expect(roster.drain(5000)).toBe(4);
    const delays = sockets.map(({ sent }) => JSON.parse(sent[0] ?? "{}").data.delayMs);
    expect(delays).toEqual([5000, 5250, 5500, 5750]);
    expect(sockets.every(({ closed }) => closed === 4503)).toBe(true);
    expect(roster.all().map(({ agentId }) => agentId)).toEqual(["e"]);
  });
});

describe("a sweep", () => {
  it("ends the connections whose lease has ended, and sets the alarm for the next end of a lease", () => {
    const { roster, sweeper, transitions, alarms } = load(new Durable());
    const silent = arrive(roster, "a");
    vi.setSystemTime(NOW + 30_000);
    const lively = arrive(roster, "b");
    vi.setSystemTime(NOW + LEASE_MS);
    sweeper.sweepIfDue(NOW + LEASE_MS);
    expect([silent.closed, lively.closed]).toEqual([4408, null]);
    expect(transitions[2]).toMatchObject({ agentId: "a", reason: "lease_expired", closeCode: 4408 });
    expect(alarms.at(-1)).toBe(NOW + 30_000 + LEASE_MS);
  });

  it("comes at most every five seconds", () => {
    const durable = new Durable();
    arrive(load(durable).roster, "a");
    durable.lastSweep = { ...durable.lastSweep, at: NOW + LEASE_MS - 1 };
    const { roster, sweeper, alarms } = load(durable);
    sweeper.sweepIfDue(NOW + LEASE_MS);
    expect(roster.all()).toHaveLength(1);
    expect(alarms.at(-1)).toBe(NOW + LEASE_MS - 1 + 5_000);
  });

  it("tells that an agent is late, and then that its lease has ended or that it is back, each once", () => {
    const durable = new Durable();
    const { roster, sweeper, told } = load(durable);
    const opened = new HeartbeatWindow("hub-0", SETTINGS.heartbeatIntervalMs).opensNext(NOW);
    vi.setSystemTime(opened + 1_000);
    const back = arrive(roster, "back", {}, true);
    vi.setSystemTime(opened + 2_000);
    arrive(roster, "silent", {}, true);
    told.length = 0;
    for (let ms = 3_000; ms <= 60_000; ms += 500) {
      vi.setSystemTime(opened + ms);
      if (ms === 40_500) durable.beats.set(back, opened + ms);
      sweeper.sweepIfDue(opened + ms);
    }
    expect(told.map(({ agentId, reason }) => [agentId, reason])).toEqual([
      ["back", "late"],
      ["silent", "late"],
      ["silent", "lease_expired"],
      ["back", null],
    ]);
  });

  it("sets no alarm if there is no connection", () => {
    const { sweeper, alarms } = load(new Durable());
    sweeper.sweepIfDue(NOW);
    expect(alarms).toEqual([]);
  });
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
    expect(roster.bySocket(kept)?.agentId).toBe("a");
    expect(
      roster
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

  it("does not restore a connection that it had ended, even if its socket is not closed yet", () => {
    const durable = new Durable();
    const before = load(durable);
    const socket = arrive(before.roster, "a");
    before.roster.shutOut("a");
    socket.readyState = 1;
    const { roster, transitions } = load(durable);
    expect(roster.bySocket(socket)).toBeUndefined();
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

describe("a reader", () => {
  it("is told a last sign of life that outlives the hub's memory", () => {
    const durable = new Durable();
    const { roster } = load(durable);
    const connection = roster.bySocket(arrive(roster, "a"));
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

describe("a hub that wakes from hibernation", () => {
  /** A hub with this many agents, each with a connection that the last sweep confirmed. */
  function hibernated(agents: number) {
    const durable = new Durable();
    const before = load(durable);
    const sockets = Array.from({ length: agents }, (_, n) => arrive(before.roster, `agent-${n}`, {}, true));
    const swept = new HeartbeatWindow("hub-0", SETTINGS.heartbeatIntervalMs).opensNext(NOW) + 10_000;
    for (const socket of sockets) durable.beats.set(socket, swept - 7_000);
    vi.setSystemTime(swept);
    before.sweeper.sweepIfDue(swept);
    durable.enumerations = [];
    durable.attachmentsRead = 0;
    return { durable, sockets };
  }

  describe.each([10, 1_000])("with %i agents", (agents) => {
    it("reads nothing when it is loaded, and one connection for a message", () => {
      const { durable, sockets } = hibernated(agents);
      const { roster } = load(durable);
      expect([durable.attachmentsRead, durable.enumerations.length]).toEqual([0, 1]);
      const [socket] = sockets;
      expect(socket && roster.bySocket(socket)?.agentId).toBe("agent-0");
      expect(durable.attachmentsRead).toBe(1);
    });

    it("looks up one agent's sockets for its status, and a page's for a page", () => {
      const { durable } = hibernated(agents);
      const { roster } = load(durable);
      const page = Array.from({ length: 10 }, (_, n) => `agent-${n}`);
      expect(roster.status(page)).toHaveLength(10);
      expect(durable.attachmentsRead).toBe(10);
      expect(durable.enumerations).not.toContain(AGENT_TAG);
    });

    it("reads no attachment in a sweep that finds all agents confirmed", () => {
      const { durable, sockets } = hibernated(agents);
      for (const socket of sockets) durable.beats.set(socket, Date.now() + 23_000);
      vi.setSystemTime(Date.now() + 30_000);
      const { sweeper, alarms } = load(durable);
      sweeper.sweepIfDue(Date.now());
      expect(durable.attachmentsRead).toBe(0);
      expect(durable.lastSweep.known?.agents).toBe(agents);
      expect(alarms.at(-1)).toBe(Date.now() + 30_000);
    });

    it("replaces an agent's older connection when the agent comes back", () => {
      const { durable, sockets } = hibernated(agents);
      const { roster } = load(durable);
      arrive(roster, "agent-3", { generation: NOW + 60_000 });
      expect(sockets.flatMap(({ closed }, n) => (closed === null ? [] : [[n, closed]]))).toEqual([[3, 4409]]);
    });

    it("expects all of them back, whichever it has read", () => {
      const { durable } = hibernated(agents);
      expect(load(durable).roster.expected).toBe(agents);
    });
  });

  it("reads every connection if the last sweep was an earlier release's, which gave its sockets no tags", () => {
    const { durable, sockets } = hibernated(10);
    durable.lastSweep = { at: durable.lastSweep.at, known: null };
    for (const [socket, tags] of durable.tags) durable.tags.set(socket, tags.slice(0, 1));
    const { roster, sweeper } = load(durable);
    expect(roster.status()).toHaveLength(10);
    vi.setSystemTime(Date.now() + 10_000);
    sweeper.sweepIfDue(Date.now());
    expect(durable.lastSweep.known?.untagged).toBe(10);
    expect(load(durable).roster.live("agent-1")).toBeDefined();
    for (const socket of sockets) socket.readyState = 3;
  });

  it("records the ends of all connections if it was a restart, and loses none that the registry lacks", () => {
    const { durable, sockets } = hibernated(3);
    const [state] = durable.states.values();
    for (const socket of sockets) socket.readyState = 3;
    if (state === undefined) throw new Error("no state");
    const arrival = load(new Durable());
    arrive(arrival.roster, "agent-0", { generation: state.state.admission.generation });
    const stopped = { ...(arrival.transitions[0] as Transition), status: "offline", reason: "stopped" } as const;
    durable.states.set(state.state.id, { ...state, end: stopped });
    const { transitions } = load(durable);
    expect(reasons(transitions)).toEqual(
      expect.arrayContaining(["stopped", "manager_restart", "manager_restart", "online"]),
    );
  });

  it("tells the registry of an HTTP lease that it does not know yet", () => {
    const durable = new Durable();
    const before = load(durable);
    before.roster.arrive(admission("a", { connectionId: null }), HOST);
    expect(reasons(load(durable).transitions)).toEqual(["online"]);
  });

  it("finds within ten minutes a connection whose socket vanished without an event", () => {
    const { durable, sockets } = hibernated(10);
    const [gone, ...others] = sockets;
    if (gone !== undefined) gone.readyState = 3;
    for (let minutes = 0; minutes < 10; minutes += 0.5) {
      for (const socket of others) durable.beats.set(socket, Date.now() + 23_000);
      vi.setSystemTime(Date.now() + 30_000);
      const { sweeper, transitions } = load(durable);
      sweeper.sweepIfDue(Date.now());
      if (minutes < 9) expect(transitions).toEqual([]);
      else if (transitions.length > 0) {
        expect(transitions.at(-1)).toMatchObject({ agentId: "agent-0", reason: "lost", status: "offline" });
        return;
      }
    }
    throw new Error("not found");
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
    expect(roster.all().length).toBe(0);
  });

  it("keep agents whose welcome had the same values", () => {
    const durable = new Durable();
    const before = load(durable);
    const socket = arrive(before.roster, "a");
    const { roster } = load(durable, undefined, { ...SETTINGS, hubShards: 2, hubMessagesPerSecond: 1 });
    expect([socket.closed, roster.all().length]).toEqual([null, 1]);
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
    expect(roster.ofAgent("a")[0]?.leaseEnd()).toBe(NOW + 15_000);
  });

  it("do not shorten the lease of an existing connection", () => {
    const durable = new Durable();
    const { roster } = load(durable);
    const connection = roster.bySocket(arrive(roster, "a"));
    expect(connection?.terms).toMatchObject({ leaseMs: LEASE_MS, heartbeatIntervalMs: 30_000 });
    expect(connection?.leaseEnd()).toBe(NOW + LEASE_MS);
  });
});
