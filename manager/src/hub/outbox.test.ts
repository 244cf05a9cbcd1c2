import { describe, expect, it, vi } from "vitest";
import { Log } from "../log.ts";
import type { Transition } from "../presence/presence.ts";
import type { StaleConnection } from "../registry/transitions.ts";
import { Outbox, type OutboxParts } from "./outbox.ts";

const HOST = { version: "1", os: "linux", arch: "amd64", hostname: "edge-7" };

function transition(agentId: string, generation: number, status: "online" | "offline" = "online") {
  const seen = { since: generation, lastSeen: generation, connectedAt: generation };
  const rest = { reason: null, ...seen, address: null, host: HOST, closeCode: null };
  return { connectionId: `${agentId}-${generation}`, transition: { agentId, generation, status, ...rest } };
}

/** The registry's answer if there is nothing to tell. */
const TAKEN = { stale: [], bursts: [] };

/** An outbox with a store in memory. `alarms` are the times for which it set the alarm. */
function outboxWith(write: OutboxParts["write"], more: Partial<OutboxParts> = {}) {
  const rows: { seq: number; transition: Transition }[] = [];
  const parked: { seq: number; transition: Transition }[] = [];
  let seq = 0;
  const drop = (isDone: (row: { seq: number }) => boolean) => {
    const dropped = rows.filter(isDone);
    rows.splice(0, rows.length, ...rows.filter((row) => !isDone(row)));
    return dropped;
  };
  /** The ends in the rows of connections. */
  const ends = new Map<string, Transition>();
  const store = {
    endConnection: (id: string, end: Transition) => {
      ends.set(id, end);
      return true;
    },
    deleteConnections: (ids: readonly string[]) => {
      for (const id of ids) ends.delete(id);
    },
    append: (transition: Transition) => rows.push({ seq: ++seq, transition }),
    unflushed: (limit: number) => (limit < 0 ? [...rows] : rows.slice(0, limit)),
    get hasUnflushed() {
      return rows.length > 0;
    },
    deleteFlushed: (seqs: readonly number[]) => drop(({ seq }) => seqs.includes(seq)),
    park: (parkedSeq: number) => parked.push(...drop(({ seq }) => seq === parkedSeq)),
  };
  const alarms: number[] = [];
  const alarm = { isSet: false, ringBy: (at: number) => alarms.push(at) };
  const flushes: Promise<unknown>[] = [];
  const log = new Log();
  const errors = vi.spyOn(log, "error").mockImplementation(() => {});
  const waitUntil = (work: Promise<unknown>) => flushes.push(work);
  const writeReport = async () => {};
  const parts = {
    store,
    write,
    writeReport,
    alarm,
    waitUntil,
    onStale: () => {},
    onArrivalStored: () => {},
    onBurst: () => {},
    log,
  };
  const outbox = new Outbox({ ...parts, ...more });
  return { outbox, rows, ends, parked, alarms, flushes, errors };
}

it("writes transitions in order and then deletes them", async () => {
  const written: Transition[] = [];
  const { outbox, flushes } = outboxWith(async (transitions) => {
    written.push(...transitions);
    return TAKEN;
  });
  outbox.push(transition("a", 1));
  outbox.push(transition("a", 1, "offline"));
  expect(outbox.isEmpty).toBe(false);
  await Promise.all(flushes);
  expect(outbox.isEmpty).toBe(true);
  expect(written.map(({ status }) => status)).toEqual(["online", "offline"]);
});

it("writes a transition that comes during a write right after it, without an alarm", async () => {
  const batches: number[] = [];
  const { outbox } = outboxWith(async (transitions) => {
    await Promise.resolve();
    if (batches.push(transitions.length) === 1) outbox.push(transition("b", 1));
    return TAKEN;
  });
  outbox.push(transition("a", 1));
  await outbox.flush();
  expect(batches).toEqual([1, 1]);
  expect(outbox.isEmpty).toBe(true);
});

it("keeps transitions while the registry fails: it tries once and sets an alarm", async () => {
  const write = vi.fn<OutboxParts["write"]>().mockRejectedValue(new Error("no such table"));
  const { outbox, alarms, errors, flushes } = outboxWith(write, {
    writeReport: () => Promise.reject(new Error("no such table")),
  });
  outbox.push(transition("a", 1));
  await Promise.all(flushes);
  for (let n = 2; n < 20; n++) outbox.push(transition("a", n));
  await Promise.all(flushes);
  expect(write).toHaveBeenCalledTimes(1);
  expect(errors).toHaveBeenCalledTimes(1);
  expect(alarms.length).toBeGreaterThan(0);
  expect(outbox.pending().get("a")?.generation).toBe(19);
  write.mockResolvedValue(TAKEN);
  await outbox.flush();
  expect(outbox.isEmpty).toBe(true);
});

it("gives up a write that is never answered, so that later writes can go on", async () => {
  const write = vi
    .fn<OutboxParts["write"]>()
    .mockReturnValueOnce(new Promise(() => {}))
    .mockResolvedValue(TAKEN);
  const { outbox } = outboxWith(write, { writeTimeoutMs: 20 });
  outbox.push(transition("a", 1));
  await outbox.flush();
  expect(outbox.isEmpty).toBe(false);
  await outbox.flush();
  expect(outbox.isEmpty).toBe(true);
});

it("writes a crowd ten times a second, and a lone transition at once", async () => {
  vi.useFakeTimers({ now: 1_790_000_000_000 });
  try {
    const write = vi.fn<OutboxParts["write"]>();
    const { outbox } = outboxWith(write);
    const writtenAt: number[] = [];
    write.mockImplementation(async () => {
      writtenAt.push(Date.now());
      return TAKEN;
    });
    const begin = Date.now();
    const step = async (ms: number, agents: number) => {
      for (let n = 0; n < agents; n++) outbox.push(transition(`agent-${Date.now()}-${n}`, Date.now()));
      await vi.advanceTimersByTimeAsync(ms);
    };
    // Five hundred agents a second, for two seconds. In the first tenth of a second nobody knows that they are a crowd.
    for (let n = 0; n < 200; n++) await step(10, 5);
    await vi.advanceTimersByTimeAsync(100);
    const written = write.mock.calls.map(([transitions]) => transitions.length);
    expect(written.reduce((sum, count) => sum + count)).toBe(1_000);
    const later = writtenAt.filter((at) => at >= begin + 100);
    expect(later.length).toBeGreaterThanOrEqual(18);
    expect(later.length).toBeLessThanOrEqual(21);
    for (const [n, at] of later.entries()) if (n > 0) expect(at - (later[n - 1] ?? 0)).toBe(100);
    expect(outbox.isEmpty).toBe(true);
    // A minute later, one agent comes and goes.
    await vi.advanceTimersByTimeAsync(60_000);
    for (const alone of [1, 2, 3]) {
      write.mockClear();
      outbox.push(transition("alone", alone));
      expect(write).toHaveBeenCalledOnce();
      await vi.advanceTimersByTimeAsync(20);
    }
  } finally {
    vi.useRealTimers();
  }
});

describe("the end of a connection", () => {
  it("is kept in the connection's row until the registry has it", async () => {
    let finish = () => {};
    const write = vi.fn<OutboxParts["write"]>(
      () =>
        new Promise((resolve) => {
          finish = () => resolve(TAKEN);
        }),
    );
    const { outbox, ends, rows, flushes } = outboxWith(write);
    outbox.push(transition("a", 1, "offline"));
    expect([[...ends.keys()], rows.length]).toEqual([["a-1"], 0]);
    finish();
    await Promise.all(flushes);
    expect([ends.size, rows.length, outbox.isEmpty]).toEqual([0, 0, true]);
  });

  it("moves to the table where earlier releases look for it, if the registry fails", async () => {
    const { outbox, ends, rows, flushes } = outboxWith(vi.fn<OutboxParts["write"]>().mockRejectedValue(new Error()), {
      writeReport: () => Promise.reject(new Error()),
    });
    outbox.push(transition("a", 1, "offline"));
    outbox.push(transition("b", 1));
    await Promise.all(flushes);
    outbox.push(transition("c", 1, "offline"));
    expect(rows.map((row) => row.transition.agentId)).toEqual(["a", "b", "c"]);
    expect(ends.size).toBe(0);
  });
});

it("says when the beginning of a connection is stored, in the registry or in the table", async () => {
  const stored: string[] = [];
  const write = vi.fn<OutboxParts["write"]>().mockResolvedValueOnce(TAKEN).mockRejectedValue(new Error());
  const { outbox, flushes } = outboxWith(write, {
    writeReport: () => Promise.reject(new Error()),
    onArrivalStored: (id) => stored.push(id),
  });
  outbox.push(transition("a", 1));
  expect(stored).toEqual([]);
  await Promise.all(flushes);
  expect(stored).toEqual(["a-1"]);
  outbox.push(transition("b", 1));
  await Promise.all(flushes);
  expect(stored).toEqual(["a-1", "b-1"]);
});

it("finds what was stored before it was loaded", async () => {
  const write = vi.fn<OutboxParts["write"]>().mockResolvedValue(TAKEN);
  const { outbox, rows } = outboxWith(write);
  rows.push({ seq: 1, transition: transition("a", 1).transition });
  outbox.load();
  expect([outbox.isEmpty, outbox.pending().size]).toEqual([false, 1]);
  await outbox.flush();
  expect([outbox.isEmpty, write.mock.calls.length]).toEqual([true, 1]);
});

it("reports stale connections", async () => {
  const stale: StaleConnection = { agentId: "a", generation: 1, barred: 1 };
  const reported: StaleConnection[] = [];
  const { outbox, flushes } = outboxWith(async () => ({ stale: [stale], bursts: [] }), {
    onStale: (connection) => reported.push(connection),
  });
  outbox.push(transition("a", 1));
  await Promise.all(flushes);
  expect(reported).toEqual([stale]);
});

describe("a transition that the registry rejects", () => {
  /** A registry that rejects any batch with a transition of an agent called `bad`. */
  function rejecting() {
    const written: string[] = [];
    const write = vi.fn<OutboxParts["write"]>(async (transitions) => {
      if (transitions.some(({ agentId }) => agentId.startsWith("bad"))) throw new Error("NOT NULL constraint failed");
      written.push(...transitions.map(({ agentId }) => agentId));
      return TAKEN;
    });
    return { write, written };
  }

  it.each([
    [["bad"]],
    [["a", "bad", "b"]],
    [["bad", "a", "b", "c", "d"]],
    [["a", "b", "c", "bad-1", "bad-2", "d", "bad-3"]],
  ])("is parked after three tries, and the others flow on at once: %j", async (agents) => {
    const { write, written } = rejecting();
    const { outbox, parked, flushes } = outboxWith(write);
    for (const [n, agent] of agents.entries()) outbox.push(transition(agent, n));
    await Promise.all(flushes);
    await outbox.flush();
    expect(parked).toEqual([]);
    expect(written.toSorted()).toEqual(agents.filter((id) => !id.startsWith("bad")).toSorted());
    await outbox.flush();
    expect(parked.map((row) => row.transition.agentId).toSorted()).toEqual(
      agents.filter((id) => id.startsWith("bad")).toSorted(),
    );
    await outbox.flush();
    expect(outbox.isEmpty).toBe(true);
    // The next transition is written at once again.
    outbox.push(transition("z", 9));
    await Promise.all(flushes);
    expect(written).toContain("z");
  });

  it.each<[string, Partial<OutboxParts>]>([
    ["cannot be reached", { writeReport: () => Promise.reject(new Error("network")) }],
    [
      "takes no report right after",
      { writeReport: vi.fn().mockResolvedValueOnce(undefined).mockRejectedValue(new Error()) },
    ],
  ])("is not parked while the registry %s, however long that lasts", async (_, parts) => {
    const write = vi.fn<OutboxParts["write"]>().mockRejectedValue(new Error("no such table"));
    const { outbox, parked } = outboxWith(write, parts);
    outbox.push(transition("a", 1));
    for (let tries = 0; tries < 10; tries++) await outbox.flush();
    expect(parked).toEqual([]);
    write.mockResolvedValue(TAKEN);
    await outbox.flush();
    expect([outbox.isEmpty, parked.length]).toEqual([true, 0]);
  });

  it("is told from a registry that fails now and then: what it has taken in between is not parked", async () => {
    let writes = 0;
    const write = vi.fn<OutboxParts["write"]>(async () => {
      if (++writes <= 3 || writes % 3 === 0) throw new Error("Network connection lost");
      return TAKEN;
    });
    const { outbox, parked } = outboxWith(write);
    for (let n = 0; n < 64; n++) outbox.push(transition(`a${n}`, 1));
    for (let tries = 0; tries < 20 && !outbox.isEmpty; tries++) await outbox.flush();
    expect([outbox.isEmpty, parked.length]).toEqual([true, 0]);
  });

  it("is not searched for when the registry rejects everything, such as one that is full", async () => {
    const write = vi.fn<OutboxParts["write"]>().mockRejectedValue(new Error("database or disk is full"));
    const { outbox, parked } = outboxWith(write);
    for (let n = 0; n < 500; n++) outbox.push(transition(`a${n}`, 1));
    for (let tries = 0; tries < 5; tries++) await outbox.flush();
    expect(parked).toEqual([]);
    expect(write.mock.calls.length).toBeLessThan(6 * 90);
  });

  it("is not searched for after a timeout: each search would last as long as many of them", async () => {
    const write = vi.fn<OutboxParts["write"]>().mockReturnValue(new Promise(() => {}));
    const { outbox, parked } = outboxWith(write, { writeTimeoutMs: 5 });
    for (let n = 0; n < 64; n++) outbox.push(transition(`a${n}`, 1));
    await outbox.flush();
    const calls = write.mock.calls.length;
    await outbox.flush();
    expect([write.mock.calls.length - calls, parked.length]).toEqual([1, 0]);
  });
});
