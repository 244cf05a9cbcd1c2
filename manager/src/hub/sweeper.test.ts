import { beforeEach, describe, expect, it, vi } from "vitest";
import { arrive, Durable, LEASE_MS, load, NOW, SETTINGS } from "../../test/roster-fakes.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";

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
