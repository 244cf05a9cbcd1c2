import { expect, it, vi } from "vitest";
import { Log } from "../log.ts";
import type { Transition } from "../presence/presence.ts";
import type { StaleConnection } from "../registry/transitions.ts";
import { Outbox, type OutboxParts } from "./outbox.ts";

const HOST = { version: "1", os: "linux", arch: "amd64", hostname: "edge-7" };

function transition(agentId: string, generation: number, status: "online" | "offline" = "online"): Transition {
  const seen = { since: generation, lastSeen: generation, connectedAt: generation };
  return { agentId, generation, status, reason: null, ...seen, address: null, host: HOST, closeCode: null };
}

/** An outbox over a store in memory. `alarms` are the times that it asked for. */
function outboxWith(write: OutboxParts["write"], more: Partial<OutboxParts> = {}) {
  const rows: { seq: number; transition: Transition }[] = [];
  let seq = 0;
  const store = {
    append: (transition: Transition) => rows.push({ seq: ++seq, transition }),
    unflushed: (limit: number) => (limit < 0 ? [...rows] : rows.slice(0, limit)),
    flushed: (upTo: number) => rows.splice(0, rows.findLastIndex((row) => row.seq <= upTo) + 1),
  };
  const alarms: number[] = [];
  const alarm = { isSet: false, by: (at: number) => alarms.push(at) };
  const flushes: Promise<unknown>[] = [];
  const log = new Log();
  const errors = vi.spyOn(log, "error").mockImplementation(() => {});
  const waitUntil = (work: Promise<unknown>) => flushes.push(work);
  const outbox = new Outbox({ store, write, alarm, waitUntil, onStale: () => {}, log, ...more });
  return { outbox, rows, alarms, flushes, errors };
}

it("a transition is written and then forgotten, in order", async () => {
  const written: Transition[] = [];
  const { outbox, flushes } = outboxWith(async (transitions) => {
    written.push(...transitions);
    return [];
  });
  outbox.push(transition("a", 1));
  outbox.push(transition("a", 1, "offline"));
  expect(outbox.isEmpty).toBe(false);
  await Promise.all(flushes);
  expect(outbox.isEmpty).toBe(true);
  expect(written.map(({ status }) => status)).toEqual(["online", "offline"]);
});

it("a transition that comes during a write goes with the next one, without an alarm", async () => {
  const batches: number[] = [];
  const { outbox } = outboxWith(async (transitions) => {
    await Promise.resolve();
    if (batches.push(transitions.length) === 1) outbox.push(transition("b", 1));
    return [];
  });
  outbox.push(transition("a", 1));
  await outbox.flush();
  expect(batches).toEqual([1, 1]);
  expect(outbox.isEmpty).toBe(true);
});

it("while the registry fails, transitions wait, one try stands for all, and an alarm is asked for", async () => {
  const write = vi.fn<OutboxParts["write"]>().mockRejectedValue(new Error("no such table"));
  const { outbox, alarms, errors, flushes } = outboxWith(write);
  outbox.push(transition("a", 1));
  await Promise.all(flushes);
  for (let n = 2; n < 20; n++) outbox.push(transition("a", n));
  await Promise.all(flushes);
  expect(write).toHaveBeenCalledTimes(1);
  expect(errors).toHaveBeenCalledTimes(1);
  expect(alarms.length).toBeGreaterThan(0);
  expect(outbox.pending().get("a")?.generation).toBe(19);
  write.mockResolvedValue([]);
  await outbox.flush();
  expect(outbox.isEmpty).toBe(true);
});

it("a write that is never answered does not hold up those after it", async () => {
  const write = vi
    .fn<OutboxParts["write"]>()
    .mockReturnValueOnce(new Promise(() => {}))
    .mockResolvedValue([]);
  const { outbox } = outboxWith(write, { writeTimeoutMs: 20 });
  outbox.push(transition("a", 1));
  await outbox.flush();
  expect(outbox.isEmpty).toBe(false);
  await outbox.flush();
  expect(outbox.isEmpty).toBe(true);
});

it("what the registry has no place for is reported", async () => {
  const stale: StaleConnection = { agentId: "a", generation: 1, barred: 1 };
  const reported: StaleConnection[] = [];
  const { outbox, flushes } = outboxWith(async () => [stale], { onStale: (connection) => reported.push(connection) });
  outbox.push(transition("a", 1));
  await Promise.all(flushes);
  expect(reported).toEqual([stale]);
});
