import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  admission,
  arrive,
  Durable,
  FakeSocket,
  HOST,
  load,
  NOW,
  open,
  reasons,
  SETTINGS,
} from "../../test/roster-fakes.ts";
import type { Transition } from "../presence/presence.ts";
import { Close } from "../protocol/close.ts";
import { AGENT_TAG } from "./connection.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => {
    vi.useRealTimers();
  };
});

describe("connections that have not registered yet", () => {
  const enrolment = (maxUses: number) => ({ id: "e", installId: "install-1", hostName: null, maxUses });

  it("are limited for one enrolment token, even with different install ids", () => {
    const { roster } = load(new Durable());
    const use = enrolment(1);
    for (let n = 0; n < 4; n++) {
      expect(roster.connections.hasRoomFor(admission(`a${n}`, { enrolment: use }))).toBe(true);
      open(roster, admission(`a${n}`, { enrolment: use }));
    }
    expect(roster.connections.hasRoomFor(admission("a9", { enrolment: use }))).toBe(false);
    expect(roster.connections.hasRoomFor(admission("b", { enrolment: { ...use, id: "other" } }))).toBe(true);
    expect(roster.connections.hasRoomFor(admission("b"))).toBe(true);
  });

  it("are limited for one agent's own token", () => {
    const { roster } = load(new Durable());
    for (let n = 0; n < 4; n++) open(roster, admission("a"));
    expect([roster.connections.hasRoomFor(admission("a")), roster.connections.hasRoomFor(admission("b"))]).toEqual([
      false,
      true,
    ]);
  });

  it("have a higher limit for an enrolment token for several hosts, and a registration makes room for another", () => {
    const { roster } = load(new Durable());
    for (let n = 0; n < 500; n++) {
      const admitted = admission(`a${n}`, { enrolment: enrolment(500) });
      expect(roster.connections.hasRoomFor(admitted)).toBe(true);
      open(roster, admitted);
      if (n % 64 === 63)
        for (const connection of roster.connections.all()) roster.arrive(connection.state.admission, HOST);
    }
  });

  it("make room when they end, and still count after the hub was loaded again", () => {
    const durable = new Durable();
    const before = load(durable);
    const sockets = [1, 2, 3, 4].map(() => open(before.roster, admission("a")));
    const { roster } = load(durable);
    expect(roster.connections.hasRoomFor(admission("a"))).toBe(false);
    const [first] = sockets;
    const connection = first && roster.connections.bySocket(first);
    if (connection === undefined) throw new Error("no connection");
    roster.lose(connection, { reason: "lost" });
    expect(roster.connections.hasRoomFor(admission("a"))).toBe(true);
  });

  it("count until the client has closed its end too: a client that ignores the close can still send frames", () => {
    const { roster } = load(new Durable());
    const use = enrolment(1);
    const closing: FakeSocket[] = [];
    while (roster.connections.hasRoomFor(admission("a", { enrolment: use }))) {
      const socket = open(roster, admission(`a${closing.length}`, { enrolment: use }));
      const connection = roster.connections.bySocket(socket);
      if (connection === undefined) throw new Error("no connection");
      roster.depart(connection, { reason: "policy", close: Close.rateLimited });
      closing.push(socket);
    }
    expect(closing).toHaveLength(8);
    for (const socket of closing.slice(0, 3)) roster.connections.forgetSocket(socket);
    expect(roster.connections.hasRoomFor(admission("a", { enrolment: use }))).toBe(true);
  });

  it.each([
    ["was loaded after another release", false],
    ["slept", true],
  ])("count after the hub %s, closed ones too", (_, slept) => {
    const durable = new Durable();
    const before = load(durable);
    if (slept) before.sweeper.sweepIfDue(NOW);
    for (let n = 0; n < 16; n++) {
      const connection = before.roster.connections.bySocket(open(before.roster, admission("a")));
      if (connection === undefined) throw new Error("no connection");
      before.roster.depart(connection, { reason: "policy", close: Close.rateLimited });
    }
    for (const socket of durable.tags.keys()) if (socket instanceof FakeSocket) socket.readyState = 1;
    const { roster } = load(durable);
    expect([roster.connections.hasRoomFor(admission("a")), roster.connections.hasRoomFor(admission("b"))]).toEqual([
      false,
      true,
    ]);
  });

  it("count after the hub slept, even if a token for one host was shown with other install ids", () => {
    const durable = new Durable();
    const before = load(durable);
    before.sweeper.sweepIfDue(NOW);
    const use = enrolment(1);
    for (let n = 0; n < 8; n++) {
      const socket = open(before.roster, admission(`a${n}`, { enrolment: use }));
      const connection = before.roster.connections.bySocket(socket);
      if (connection === undefined) throw new Error("no connection");
      before.roster.depart(connection, { reason: "policy", close: Close.rateLimited });
    }
    for (const socket of durable.tags.keys()) if (socket instanceof FakeSocket) socket.readyState = 1;
    const { connections } = load(durable).roster;
    expect(connections.hasRoomFor(admission("new", { enrolment: use }))).toBe(false);
    expect(connections.hasRoomFor(admission("new", { enrolment: { ...use, id: "other" } }))).toBe(true);
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
    const waiting = roster.connections.bySocket(open(roster, admission("b")));
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
      expect(socket && roster.connections.bySocket(socket)?.agentId).toBe("agent-0");
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
