import { describe, expect, test } from "vitest";
import { type Agent, parseAgent } from "../src/agents/agent.ts";
import type { Fact } from "../src/live/facts.ts";
import { Fleet, type Reading } from "../src/live/fleet.ts";
import { agentJson, offline } from "./manager.ts";

/** A fleet, and what a page would show of it. */
function openFleet() {
  const shown = new Map<string, Agent>();
  const fleet = new Fleet((changes) => {
    for (const [id, agent] of changes) {
      if (agent === undefined) shown.delete(id);
      else shown.set(id, agent);
    }
  });
  return { fleet, shown };
}

const id = "id-a";
const agent = (fields: Parameters<typeof agentJson>[1] = {}) =>
  parseAgent(agentJson("a", { generation: 5, revision: 5, lastSeen: 50, ...fields }));
const row = (fields: Parameters<typeof agentJson>[1] = {}): Fact => ({ kind: "row", agent: agent(fields) });
const connection = (fields: Parameters<typeof agentJson>[1] = {}): Fact => ({
  kind: "connection",
  id,
  connection: agent(fields),
});

/** What is shown after these facts and readings of that one agent. */
function shownAfter(...steps: (Fact | { read: Agent })[]): Agent | undefined {
  const { fleet, shown } = openFleet();
  for (const step of steps) {
    if ("read" in step) fleet.beginReading().page([step.read]);
    else fleet.apply([step]);
  }
  return shown.get(id);
}

describe("what is newer", () => {
  test("a larger generation is, whatever its status", () => {
    expect(shownAfter(row(offline("lost")), connection({ generation: 6 }))?.status).toBe("online");
    expect(shownAfter(row({ generation: 6 }), connection(offline("lost")))?.status).toBe("online");
  });

  test("in one generation offline is", () => {
    expect(shownAfter(row(), connection(offline("lost")))?.status).toBe("offline");
    expect(shownAfter(connection(offline("lost")), { read: agent({ lastSeen: 90 }) })?.status).toBe("offline");
  });

  test("of two that are online the one that was seen later is", () => {
    expect(shownAfter(row(), connection({ lastSeen: 49, reason: "late" }))?.reason).toBeNull();
    expect(shownAfter(connection({ reason: "late" }), { read: agent({ lastSeen: 51 }) })?.reason).toBeNull();
  });

  test("of two that were seen at the same time the one from the feed is", () => {
    expect(shownAfter(row(), connection({ reason: "late" }))?.reason).toBe("late");
    expect(shownAfter(row(), connection({ reason: "late" }), { read: agent() })?.reason).toBe("late");
    expect(shownAfter(row(), connection({ reason: "late" }), connection())?.reason).toBeNull();
    expect(shownAfter({ read: agent({ reason: "late" }) }, { read: agent() })?.reason).toBeNull();
  });

  test("a name is if its revision is not smaller", () => {
    expect(shownAfter(row({ revision: 6 }), { read: parseAgent(agentJson("old", { id, revision: 5 })) })?.name).toBe(
      "a",
    );
    expect(shownAfter(row(), { read: parseAgent(agentJson("new", { id, revision: 5 })) })?.name).toBe("new");
  });

  test("the later end of flapping is", () => {
    const flapping = (until: number): Fact => ({ kind: "flapping", id, until });
    expect(shownAfter(row({ flappingUntil: 7 }), flapping(9), { read: agent() })?.flappingUntil).toBe(9);
    expect(shownAfter(flapping(7), row({ flappingUntil: 9 }))?.flappingUntil).toBe(9);
  });

  test("a revoked agent that is offline is revoked, whatever the reason", () => {
    expect(shownAfter(row({ revokedAt: 1 }), connection(offline("lost")))?.reason).toBe("revoked");
    expect(shownAfter(row({ revokedAt: 1 }))?.reason).toBeNull();
  });
});

test("an agent is shown once its row is known, with what the feed has told of it", () => {
  expect(shownAfter(connection(offline("lost")))).toBeUndefined();
  expect(shownAfter(connection(offline("lost")), { read: agent() })?.reason).toBe("lost");
});

test("a removed agent does not come back, until the list has been read from the start", () => {
  const { fleet, shown } = openFleet();
  const before = fleet.beginReading();
  fleet.apply([row(), { kind: "removed", id }, row(), connection()]);
  before.page([agent()]);
  before.complete();
  expect(shown.has(id)).toBe(false);
  fleet.apply([row()]);
  expect(shown.has(id)).toBe(false);

  fleet.beginReading().complete();
  fleet.apply([row()]);
  expect(shown.has(id)).toBe(true);
});

test("agents that a whole reading does not contain are gone, unless the feed has told of them since it began", () => {
  const { fleet, shown } = openFleet();
  fleet.apply([row()]);
  fleet.beginReading();
  expect(shown.has(id)).toBe(true);

  const during = fleet.beginReading();
  fleet.apply([connection({ lastSeen: 60 })]);
  during.complete();
  expect(shown.has(id)).toBe(true);

  fleet.beginReading().complete();
  expect(shown.has(id)).toBe(false);
});

/** Random numbers that are the same in each run. */
function seeded(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/** A manager with a few agents whose fields change at random. Its two kinds of messages arrive late, each in order. */
class RandomManager {
  readonly agents = new Map<string, Agent>();
  /** The presence messages of each agent, and its changes in the registry: these come from different places. */
  readonly onTheWay: Fact[][] = [];
  readonly #random: (below: number) => number;
  /** Their ids are not used again. */
  readonly #removed = new Set<string>();
  #time = 1_000;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  change(): void {
    this.#time += 1;
    const name = `agent-${this.#random(4)}`;
    const agent = this.agents.get(name);
    if (this.#removed.has(name)) return;
    if (agent === undefined) {
      this.#registered({
        ...parseAgent(agentJson(name, { ...offline("never_connected"), id: name })),
        generation: 0,
        lastSeen: 0,
      });
      return;
    }
    const revision = agent.revision + 1;
    const next: Agent[] = [
      { ...agent, status: "online", reason: null, generation: this.#time, lastSeen: this.#time },
      { ...agent, lastSeen: this.#time, reason: agent.status === "online" ? null : agent.reason },
      { ...agent, reason: agent.status === "online" ? "late" : agent.reason },
      { ...agent, status: "offline", reason: agent.revokedAt === null ? "lost" : "revoked" },
    ];
    const what = this.#random(8);
    const connected = next[what];
    if (connected !== undefined) this.#connected(connected);
    else if (what === 4) this.#registered({ ...agent, name: `name-${this.#time}`, revision });
    else if (what === 5 && agent.revokedAt === null && agent.status === "offline") {
      this.#registered({ ...agent, reason: "revoked", revokedAt: this.#time, revision });
    } else if (what === 6) this.#flapping({ ...agent, flappingUntil: this.#time });
    else if (what === 7 && this.#random(4) === 0) {
      this.agents.delete(name);
      this.#removed.add(name);
      this.#send(1, { kind: "removed", id: agent.id });
    }
  }

  #connected(agent: Agent): void {
    this.agents.set(agent.id, agent);
    this.#send(0, { kind: "connection", id: agent.id, connection: agent });
  }

  #registered(agent: Agent): void {
    this.agents.set(agent.id, agent);
    this.#send(1, { kind: "row", agent });
  }

  #flapping(agent: Agent): void {
    this.agents.set(agent.id, agent);
    this.#send(1, { kind: "flapping", id: agent.id, until: agent.flappingUntil });
  }

  #send(lane: number, fact: Fact): void {
    this.onTheWay[lane] ??= [];
    this.onTheWay[lane].push(fact);
  }
}

test("messages and readings in any order end at what the manager has, and never go back", () => {
  for (let seed = 1; seed <= 300; seed += 1) playAtRandom(seed);
});

function playAtRandom(seed: number): void {
  const random = seeded(seed);
  const manager = new RandomManager(random);
  const { fleet, shown } = openFleet();
  const newest = new Map<string, { generation: number; revision: number }>();
  let reading: { open: Reading; rest: Agent[] } | undefined;

  const readOn = () => {
    if (reading === undefined) reading = { open: fleet.beginReading(), rest: [...manager.agents.values()] };
    else if (reading.rest.length > 0) reading.open.page(reading.rest.splice(0, 2));
    else {
      reading.open.complete();
      reading = undefined;
    }
  };
  const hear = () => {
    const fact = manager.onTheWay[random(2)]?.shift();
    if (fact !== undefined) fleet.apply([fact]);
  };
  const check = () => {
    // An agent that a reading did not contain may come back for a moment, with messages that are older than the reading.
    for (const id of newest.keys()) if (!shown.has(id)) newest.delete(id);
    for (const agent of shown.values()) {
      const before = newest.get(agent.id) ?? { generation: 0, revision: 0 };
      expect(agent.generation, `seed ${seed}`).toBeGreaterThanOrEqual(before.generation);
      expect(agent.revision, `seed ${seed}`).toBeGreaterThanOrEqual(before.revision);
      newest.set(agent.id, agent);
    }
  };

  for (let step = 0; step < 150; step += 1) {
    [() => manager.change(), hear, hear, readOn][random(4)]?.();
    check();
  }
  while (manager.onTheWay.some((lane) => lane.length > 0)) hear();
  reading = undefined;
  do readOn();
  while (reading !== undefined);
  check();

  expect(Object.fromEntries(shown), `seed ${seed}`).toEqual(Object.fromEntries(manager.agents));
}
