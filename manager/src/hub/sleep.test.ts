/** How often a hub wakes, counted in simulated minutes. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { arrive, Durable, type FakeSocket, LEASE_MS, load, NOW, SETTINGS } from "../../test/roster-fakes.ts";
import { Alarm } from "./alarm.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";

const INTERVAL_MS = SETTINGS.heartbeatIntervalMs;
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => {
    vi.useRealTimers();
  };
});

/** An agent that beats on a schedule of its own clock, which may run fast or slow. */
class SimulatedAgent {
  readonly id: string;
  readonly socket: FakeSocket;
  readonly connectedAt: number;
  diesAt = Number.POSITIVE_INFINITY;
  #scheduledAt: number;
  #beatBefore: number;
  readonly #ppm: number;
  #framesRead = 0;

  constructor(id: string, socket: FakeSocket, delayMs: number, ppm: number) {
    this.id = id;
    this.socket = socket;
    this.connectedAt = Date.now();
    this.#scheduledAt = this.connectedAt + delayMs;
    this.#beatBefore = this.connectedAt;
    this.#ppm = ppm;
  }

  /** Its last beat until now: one at once, then those of its schedule. */
  lastBeat(now: number): number {
    const until = Math.min(now, this.diesAt);
    if (until < this.#scheduledAt) return this.#beatBefore;
    const interval = INTERVAL_MS * (1 + this.#ppm / 1e6);
    return Math.floor(this.#scheduledAt + Math.floor((until - this.#scheduledAt) / interval) * interval);
  }

  /** Takes up corrections that it has been sent. Returns how many there were. */
  readCorrections(now: number): number {
    const frames = this.socket.sent.slice(this.#framesRead).map((frame) => JSON.parse(frame));
    this.#framesRead = this.socket.sent.length;
    const corrections = frames.filter(({ subject }) => subject === "agent.heartbeat.align");
    for (const { data } of corrections) {
      this.#beatBefore = this.lastBeat(now);
      this.#scheduledAt = now + data.delayMs;
    }
    return corrections.length;
  }
}

interface Fleet {
  agents: number;
  aligned: boolean;
  /** By how much each agent's clock is off; parts per million. */
  ppm?: (n: number) => number;
}

/** A hub whose agents connect within the first interval, in random order. */
function hubWith({ agents, aligned, ppm = () => 0 }: Fleet) {
  const durable = new Durable();
  let at = Number.POSITIVE_INFINITY;
  const storage = {
    getAlarm: async () => null,
    setAlarm: async (time: number) => {
      at = time;
    },
  };
  const alarm = new Alarm(storage, () => {});
  const window = new HeartbeatWindow("hub-0", INTERVAL_MS);
  const { roster, sweeper, transitions } = load(durable, undefined, SETTINGS, alarm);
  const fleet: SimulatedAgent[] = [];
  /** When each agent was recorded as offline. */
  const recordedAt = new Map<string, number>();
  let corrections = 0;
  const beat = (now: number) => {
    for (const agent of fleet) durable.beats.set(agent.socket, agent.lastBeat(now));
  };
  for (let n = 0; n < agents; n++) {
    vi.setSystemTime(NOW + Math.floor((n * INTERVAL_MS) / agents));
    beat(Date.now());
    const id = `agent-${(n * 7919) % agents}`;
    const delay = window.delayMs(id, Date.now());
    const agent = new SimulatedAgent(id, arrive(roster, id, {}, aligned), aligned ? delay : INTERVAL_MS, ppm(n));
    const connection = roster.connections.bySocket(agent.socket);
    if (connection !== undefined) roster.scheduleBeat(connection, Date.now());
    fleet.push(agent);
  }

  /** Lets time pass until then, and rings every alarm. Returns how many rang. */
  function passUntil(end: number): number {
    let rang = 0;
    while (at <= end) {
      const now = at;
      at = Number.POSITIVE_INFINITY;
      vi.setSystemTime(now);
      beat(now);
      alarm.rang();
      const known = transitions.length;
      sweeper.sweepIfDue(now);
      for (const { agentId, status } of transitions.slice(known))
        if (status === "offline") recordedAt.set(agentId, now);
      for (const agent of fleet) corrections += agent.readCorrections(now);
      rang++;
    }
    vi.setSystemTime(end);
    beat(end);
    return rang;
  }
  return { roster, fleet, recordedAt, passUntil, corrections: () => corrections };
}

describe("a hub whose agents only beat", () => {
  it.each([1, 100, 4_000])("rings twice a minute with %i agents that connected at any time", (agents) => {
    const { roster, passUntil, corrections } = hubWith({ agents, aligned: true });
    passUntil(NOW + 3 * MINUTE);
    expect(passUntil(NOW + 13 * MINUTE)).toBe(20);
    expect(roster.status().filter(({ status, reason }) => status === "online" && reason === null)).toHaveLength(agents);
    expect(corrections()).toBe(0);
  });

  it("rings at most six times a minute with agents that beat at any time", () => {
    const { roster, passUntil } = hubWith({ agents: 300, aligned: false });
    passUntil(NOW + 3 * MINUTE);
    expect(passUntil(NOW + 13 * MINUTE)).toBeLessThanOrEqual(60);
    expect(roster.connections.all().length).toBe(300);
  });

  it("keeps agents in their places whose clocks are 200 ppm off, for a day", () => {
    const { roster, passUntil, corrections } = hubWith({
      agents: 60,
      aligned: true,
      ppm: (n) => (n % 2 === 0 ? 200 : -200),
    });
    passUntil(NOW + 3 * MINUTE);
    expect(passUntil(NOW + 24 * 60 * MINUTE)).toBeLessThanOrEqual(2 * (24 * 60 - 3) + 1);
    expect(roster.connections.all().length).toBe(60);
    // A day's drift is 17 s, and 2.5 s of it are let pass each time.
    expect(corrections()).toBeGreaterThan(0);
    expect(corrections()).toBeLessThanOrEqual(60 * 8);
  });
});

describe.each([true, false])("an agent that falls silent (beats in the window: %s)", (aligned) => {
  it("is recorded within 47 s of its last sign of life, whenever that was", () => {
    const { roster, fleet, recordedAt, passUntil } = hubWith({ agents: 600, aligned });
    for (const [n, agent] of fleet.entries()) if (n % 2 === 0) agent.diesAt = NOW + 5 * MINUTE + n * 100;
    passUntil(NOW + 10 * MINUTE);
    expect(recordedAt.size).toBe(300);
    for (const agent of fleet.filter(({ diesAt }) => diesAt < NOW + 10 * MINUTE)) {
      const silentFor = (recordedAt.get(agent.id) ?? Number.POSITIVE_INFINITY) - agent.lastBeat(agent.diesAt);
      expect(silentFor).toBeGreaterThanOrEqual(LEASE_MS);
      expect(silentFor).toBeLessThanOrEqual(LEASE_MS + 7_000);
    }
    expect(roster.connections.all().length).toBe(300);
  });

  it("so it is if that was a message, whenever that came", () => {
    const { roster, fleet, recordedAt, passUntil } = hubWith({ agents: 300, aligned });
    const said = new Map<string, number>();
    for (const [n, agent] of fleet.entries()) {
      const at = NOW + 5 * MINUTE + n * 100;
      passUntil(at);
      roster.connections.bySocket(agent.socket)?.touch(at);
      agent.diesAt = at;
      said.set(agent.id, at);
    }
    passUntil(NOW + 10 * MINUTE);
    for (const [id, at] of said) {
      const silentFor = (recordedAt.get(id) ?? Number.POSITIVE_INFINITY) - at;
      expect(silentFor).toBeGreaterThanOrEqual(LEASE_MS);
      expect(silentFor).toBeLessThanOrEqual(LEASE_MS + 7_000);
    }
  });
});
