import { expect } from "vitest";
import { z } from "zod";
import { test } from "./fleet-fixtures.ts";
import { earlyAttempts } from "./herd.ts";

const AGENTS = 200;
const DELAY_MS = 3_000;
/** The reconnectSpreadMs of a hub with that many agents: 10 ms for each. */
const SPREAD_MS = 2_000;

const Timeline = z.array(
  z.object({ status: z.enum(["online", "offline"]), reason: z.string().nullable(), durationMs: z.number().nullable() }),
);

test("the agents of a drained hub leave at once and come back evenly, none before its time", async ({
  lab,
  startFleet,
}) => {
  await lab.startManager();
  const fleet = await startFleet({ agents: AGENTS });
  await fleet.untilConnected(() => fleet.events, 60_000);

  const since = fleet.mark();
  const drainedAt = Date.now();
  const answer = await lab.admin.call("POST", "/api/admin/drain", JSON.stringify({ delayMs: DELAY_MS }));
  expect(answer).toEqual({ drained: AGENTS });
  await fleet.untilConnected(since, DELAY_MS + SPREAD_MS + 30_000);

  // Each agent disconnects once and reconnects at the first attempt.
  const of = (name: string) => since().filter(({ event }) => event === name);
  for (const name of ["waiting", "connecting", "connected"]) {
    expect(new Set(of(name).map(({ agent }) => agent)).size, name).toBe(AGENTS);
    expect(of(name), name).toHaveLength(AGENTS);
  }
  expect(earlyAttempts(since())).toEqual([]);
  expect(Math.min(...of("connecting").map(({ at }) => at - drainedAt))).toBeGreaterThanOrEqual(DELAY_MS);

  // The planned times of reconnection, in tenths of the spread. The real times depend on the machine.
  const due = of("waiting").map(({ at, waitMs = 0 }) => at + waitMs);
  const first = Math.min(...due);
  const tenths = Array<number>(10).fill(0);
  for (const at of due) {
    const tenth = Math.min(9, Math.floor((at - first) / (SPREAD_MS / 10)));
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  console.log(`${AGENTS} drained agents came back within ${SPREAD_MS} ms after ${DELAY_MS}: ${tenths.join(" ")}`);
  expect(Math.max(...tenths) / (AGENTS / 10)).toBeLessThan(2);
  expect(Math.max(...of("waiting").map(({ waitMs = 0 }) => waitMs))).toBeLessThanOrEqual(DELAY_MS + SPREAD_MS);

  const agents = await lab.admin.agents();
  expect(agents).toHaveLength(AGENTS);
  expect(agents.filter(({ status }) => status !== "online")).toEqual([]);
  for (const { id } of agents) {
    const [now, away] = Timeline.parse(await lab.admin.call("GET", `/api/agents/${id}/events`));
    expect(now).toMatchObject({ status: "online", durationMs: null });
    expect(away).toMatchObject({ status: "offline", reason: "manager_restart" });
    expect(away?.durationMs).toBeGreaterThanOrEqual(DELAY_MS);
  }
});
