/**
 * What the events cost that Cloudflare bills for. docs/counts.json has the counts, and `make bill` makes dollars of them. Each
 * count must be exact: if one changes, the file changes too, and with it the bill.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import counts from "../../docs/counts.json" with { type: "json" };
import { AgentHub } from "../src/hub/hub.ts";
import { KEPT } from "../src/presence/timeline.ts";
import { PRUNED_EVERY } from "../src/registry/transitions.ts";
import { HubWorkCounter } from "./hub-work.ts";
import { openPage } from "./live-page.ts";
import { BASIC, fetchManager, hub, mintToken, stored, TestAgent } from "./manager.ts";
import { countRows, insertAgents, type Rows } from "./rows.ts";
import { logIn } from "./sessions.ts";
import { sweep } from "./time.ts";

const HOUR_MS = 3_600_000;
/** Calls of a hub that are billed as requests. */
const REQUESTS = ["fetch", "status", "alarm"] as const;
/** Shorter timers are those of the tests. */
const SHORTEST_TIMER_MS = 100;

type Cost = Awaited<ReturnType<typeof costOf>>;

let rows: Rows;
let counter: HubWorkCounter;

// A hub with a few agents and one with thousands cost the same: test/wake.test.ts. An empty one costs less.
beforeAll(async () => {
  for (let n = 0; n < 3; n++) {
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, ({ status }) => status === "online");
  }
});

beforeEach(async () => {
  await sweep();
  counter = await HubWorkCounter.start();
  rows = countRows();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Counts what `work` costs, until `isDone`. The hub hibernates before it. */
async function costOf(work: () => unknown, isDone: () => boolean = () => true) {
  const requests = REQUESTS.map((name) => vi.spyOn(AgentHub.prototype, name));
  const messages = vi.spyOn(AgentHub.prototype, "webSocketMessage");
  const timers = watchTimers();
  Object.assign(rows, { read: 0, written: 0 });
  rows.statements.length = 0;
  const { rowsRead, rowsWritten } = await counter.of(work, isDone);
  const cost = {
    hubRequests: requests.reduce((sum, { mock }) => sum + mock.calls.length, 0),
    hubMessages: messages.mock.calls.length,
    hubRowsRead: rowsRead,
    hubRowsWritten: rowsWritten,
    registryRowsRead: rows.read,
    registryRowsWritten: rows.written,
    // The runtime does not hibernate an object with a timer, and bills for that time.
    timerMs: Math.max(0, ...[...timers.values()].filter((ms) => ms >= SHORTEST_TIMER_MS)),
  };
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  return cost;
}

/** The rows that a hub reads differ by two or three, because they depend on the order of random ids. They cost next to nothing. */
function expectCost({ hubRowsRead, ...cost }: Cost, { hubRowsRead: most, ...expected }: Cost): void {
  expect(cost).toEqual(expected);
  expect(hubRowsRead).toBeLessThanOrEqual(most);
}

/** The timers that were set and not cleared, and how long each is, in milliseconds. */
function watchTimers(): Map<unknown, number> {
  const timers = new Map<unknown, number>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  vi.stubGlobal("setTimeout", (run: () => void, ms = 0) => {
    const timer = set(run, ms);
    timers.set(timer, ms);
    return timer;
  });
  vi.stubGlobal("clearTimeout", (timer: number) => {
    timers.delete(timer);
    clear(timer);
  });
  return timers;
}

const isFlushed = () => rows.statements.some((sql) => sql.includes("UPDATE agents"));

/** An agent that has been offline for an hour, as most are that come back. */
async function offlineAgent({ isPruned = false } = {}) {
  const { agent, token } = await TestAgent.enrolled();
  agent.socket.close(1000, "stopped");
  await stored(agent.id, ({ status }) => status === "offline");
  // The next generation follows this one, and says whether the end of its connection prunes the timeline.
  const generation = Math.ceil((Date.now() + HOUR_MS) / PRUNED_EVERY) * PRUNED_EVERY - (isPruned ? 1 : 0);
  await env.DB.prepare("UPDATE agents SET since = ?2, generation = ?3 WHERE id = ?1")
    .bind(agent.id, Date.now() - HOUR_MS, generation)
    .run();
  return { id: agent.id, token };
}

async function onlineAgent(options: Parameters<typeof offlineAgent>[0] = {}) {
  const { id, token } = await offlineAgent(options);
  const { agent } = await TestAgent.online({ token });
  await stored(id, ({ status }) => status === "online");
  await env.DB.prepare("UPDATE agents SET since = ?2 WHERE id = ?1")
    .bind(id, Date.now() - HOUR_MS)
    .run();
  return agent;
}

it("counts a connect", async () => {
  const { token } = await offlineAgent();
  expectCost(await costOf(() => TestAgent.online({ token }), isFlushed), counts.connect);
});

it("counts a disconnect", async () => {
  const agent = await onlineAgent();
  expectCost(await costOf(() => agent.socket.close(1000, "stopped"), isFlushed), counts.disconnect);
});

it("counts a report", async () => {
  const agent = await onlineAgent();
  const report = () => agent.request("agent.heartbeat", { rttMs: 20, skewMs: 0 });
  expectCost(await costOf(report), counts.report);
});

it("counts a sweep", async () => {
  await runInDurableObject(hub(), (_, ctx) => ctx.storage.sql.exec("UPDATE sweep SET at = 0"));
  expectCost(await costOf(() => runDurableObjectAlarm(hub())), counts.sweep);
});

it("counts a sweep that compares all connections with the sockets and stores its result", async () => {
  await runInDurableObject(hub(), (_, ctx) =>
    ctx.storage.sql.exec("UPDATE sweep SET at = 0, known = json_set(known, '$.comparedAt', 0)"),
  );
  expectCost(await costOf(() => runDurableObjectAlarm(hub())), counts.storedSweep);
});

it("counts a page that opens the feed", async () => {
  const { headers } = await logIn();
  const cost = await costOf(() => openPage(headers));
  // One row if the alarm must ring earlier, which depends on the time of the day.
  expect(cost.hubRowsWritten).toBeLessThanOrEqual(counts.pageOpened.hubRowsWritten);
  expectCost({ ...cost, hubRowsWritten: counts.pageOpened.hubRowsWritten }, counts.pageOpened);
});

it("counts a list of ten agents", async () => {
  await mintToken();
  const enrolment = await env.DB.prepare("SELECT id FROM enrolments LIMIT 1").first<string>("id");
  await insertAgents(enrolment ?? "", 20, "a");
  const list = async (headers = {}) => {
    const response = await fetchManager("/api/agents?limit=10", { headers: { Authorization: BASIC, ...headers } });
    expect(await response.json()).toHaveLength(10);
  };
  expectCost(await costOf(list), counts.listOfTen);
  // As an open page reads it, whose feed has missed nothing.
  expectCost(await costOf(() => list({ "Zedops-Recorded": "true" })), counts.recordedListOfTen);
});

it("counts a connection that overwrites the oldest entries of a timeline", async () => {
  const { id, token } = await offlineAgent();
  await insertEvents(id, 60, Date.now() - KEPT.ms - 60 * HOUR_MS);
  const events = () =>
    env.DB.prepare("SELECT count(*) AS n FROM events WHERE agent_id = ?").bind(id).first<number>("n");
  const before = await events();
  let agent: TestAgent | undefined;
  const connect = await costOf(async () => {
    ({ agent } = await TestAgent.online({ token }));
  }, isFlushed);
  const disconnect = await costOf(() => agent?.socket.close(1000, "stopped"), isFlushed);
  expect(await events()).toBe(before);
  const { registryRowsRead: read, registryRowsWritten: written } = counts.overwriting;
  expect(connect.registryRowsWritten + disconnect.registryRowsWritten).toBe(written);
  // Six more, because the agent came and went just now.
  expect(connect.registryRowsRead + disconnect.registryRowsRead).toBeLessThanOrEqual(read + 6);
});

/** Gives an agent this number of earlier transitions, of which one was every hour since `from`. */
async function insertEvents(id: string, count: number, from: number): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
     INSERT INTO events (agent_id, generation, status, at, reason, address, close_code)
     SELECT ?1, (i + 1) / 2, iif(i % 2 = 0, 'offline', 'online'), ?3 + ?4 * i, NULL, NULL, NULL FROM n`,
  )
    .bind(id, count, from, HOUR_MS)
    .run();
}

it("counts the pruning of a timeline", async () => {
  const agent = await onlineAgent({ isPruned: true });
  // In the long run each pruning deletes what the connections since the last one have added.
  const added = 2 * PRUNED_EVERY;
  const events = () =>
    env.DB.prepare("SELECT count(*) AS n FROM events WHERE agent_id = ?").bind(agent.id).first<number>("n");
  const older = KEPT.transitions + added - Number(await events()) - 1;
  await insertEvents(agent.id, older, Date.now() - HOUR_MS * (older + 1));
  const cost = await costOf(() => agent.socket.close(1000, "stopped"), isFlushed);
  expect(await events()).toBe(KEPT.transitions);
  const { registryRowsRead, registryRowsWritten } = counts.disconnect;
  expect({
    connections: PRUNED_EVERY,
    registryRowsRead: cost.registryRowsRead - registryRowsRead,
    registryRowsWritten: cost.registryRowsWritten - registryRowsWritten,
  }).toEqual(counts.pruning);
});

it("counts a report that a page sees", async () => {
  const agent = await onlineAgent();
  const { headers } = await logIn();
  const page = await openPage(headers);
  const report = () => agent.request("agent.heartbeat", { rttMs: 30, skewMs: 0 });
  expectCost(await costOf(report, () => page.texts.length > 0), counts.reportSeenByPage);
});

it("counts the timer for changes that come close together", async () => {
  const agent = await onlineAgent();
  const { headers } = await logIn();
  const page = await openPage(headers);
  const reports = () =>
    Promise.all([31, 32, 33].map((rttMs) => agent.request("agent.heartbeat", { rttMs, skewMs: 0 })));
  const isSeen = () => page.texts.some((text) => text.includes('"rttMs":33'));
  // Shorter if some time has passed between the reports.
  expect((await costOf(reports, isSeen)).timerMs).toBeLessThanOrEqual(counts.changesTogether.timerMs);
});
