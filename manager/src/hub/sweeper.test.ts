import { beforeEach, describe, expect, it, vi } from "vitest";
import counts from "../../../docs/counts.json" with { type: "json" };
import { arrive, Durable, type FakeSocket, LEASE_MS, load, NOW, SETTINGS } from "../../test/roster-fakes.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";

const WINDOW = new HeartbeatWindow("hub-0", SETTINGS.heartbeatIntervalMs);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => {
    vi.useRealTimers();
  };
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
    expect(roster.connections.all()).toHaveLength(1);
    expect(alarms.at(-1)).toBe(NOW + LEASE_MS - 1 + 5_000);
  });

  it("tells that an agent is late, and then that its lease has ended or that it is back, each once", () => {
    const durable = new Durable();
    const { roster, sweeper, told } = load(durable);
    const opened = WINDOW.opensNext(NOW);
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

describe("a sweep is stored only if a waking hub would act differently without it", () => {
  /** A hub whose agents have all beaten in the window; how often a sweep was stored. */
  function hubOf(agents: number) {
    const durable = new Durable();
    const hub = load(durable);
    const sockets = Array.from({ length: agents }, (_, n) => arrive(hub.roster, `agent-${n}`, {}, true));
    let now = NOW;
    const sweep = (beating: readonly FakeSocket[] = sockets) => {
      now = WINDOW.opensNext(now) + 10_000;
      for (const socket of beating) durable.beats.set(socket, WINDOW.openedAt(now) + 1_000);
      const before = durable.lastSweep;
      vi.setSystemTime(now);
      hub.sweeper.sweepIfDue(now);
      return durable.lastSweep !== before;
    };
    return { ...hub, durable, sockets, sweep };
  }

  it("so one in twenty is, if nothing changes", () => {
    const { sweep } = hubOf(3);
    expect(sweep()).toBe(true);
    const stored = Array.from({ length: 5 * counts.sweepsPerStoredSweep }, () => sweep());
    expect(stored.filter((isStored) => isStored)).toHaveLength(5);
  });

  it("so one that finds a late agent is, and one that finds it no longer late", () => {
    const { sweep, sockets, durable } = hubOf(40);
    sweep();
    expect(sweep()).toBe(false);
    // Its last beat is 39 s ago.
    expect(sweep(sockets.slice(1))).toBe(true);
    expect(durable.lastSweep.known?.late).toHaveLength(1);
    expect(sweep()).toBe(true);
    expect(durable.lastSweep.known?.late).toEqual([]);
  });

  it("so one is that finds more than a tenth more or fewer agents", () => {
    const { sweep, roster, sockets } = hubOf(100);
    sweep();
    for (let n = 0; n < 10; n++) roster.shutOut(`agent-${n}`);
    expect(sweep(sockets.slice(10))).toBe(false);
    roster.shutOut("agent-10");
    expect(sweep(sockets.slice(11))).toBe(true);
    expect(sweep(sockets.slice(11))).toBe(false);
  });
});
