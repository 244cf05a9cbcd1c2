/**
 * Brings a hub and its registry into every state that a release can store, and dumps what it stored. No test of the present
 * code: scripts/write-fixtures.ts copies this file into an extracted release, whose own code and helpers then run it. It
 * says what the dump holds.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { ADMISSION_HEADER, AgentHub } from "../src/hub/hub.ts";
import { HEARTBEAT } from "../src/protocol/message.ts";
import { api, fetchManager, HOST, hub, mintToken, stored, TestAgent } from "./manager.ts";
import { hideRegistry, showRegistry } from "./registry.ts";

const METHODS = [
  ...(["register", "heartbeat", "status", "request", "rotate"] as const),
  ...(["separate", "publish", "subscriptions", "disconnect", "drain"] as const),
];

interface Call {
  method: string;
  args: unknown[];
  result: unknown;
}

type Row = Record<string, unknown>;

/** RPC calls and admissions as they reach the hub from the Worker. An agent's frames call some of the same methods. */
const calls: Call[] = [];
const admissions: string[] = [];
let recording = false;

function spyOnHub(): void {
  for (const method of METHODS) {
    const original: (...args: never[]) => Promise<unknown> = AgentHub.prototype[method];
    vi.spyOn(AgentHub.prototype, method).mockImplementation(async function (this: AgentHub, ...args: unknown[]) {
      const wanted = recording;
      const result = await original.apply(this, args as never[]);
      if (wanted) calls.push({ method, args: args.map(spelled), result: spelled(result) });
      return result as never;
    });
  }
  const open = AgentHub.prototype.fetch;
  vi.spyOn(AgentHub.prototype, "fetch").mockImplementation(function (this: AgentHub, request: Request) {
    admissions.push(request.headers.get(ADMISSION_HEADER) ?? "");
    return open.call(this, request);
  });
}

/** JSON has no undefined, which RPC has. */
function spelled(value: unknown): unknown {
  return value === undefined ? { undefined: true } : value;
}

/** Calls a route of the Worker, and keeps the RPC calls that it makes. */
async function golden<T>(call: () => Promise<T>): Promise<T> {
  recording = true;
  try {
    return await call();
  } finally {
    recording = false;
  }
}

async function overHttp(
  route: string,
  token: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Row> {
  const response = await fetchManager(`/api/agent/${route}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return response.json();
}

/** An agent's answer to the next request of the manager with this subject; returns the request's data. */
async function answer(agent: TestAgent, subject: string, data: unknown): Promise<unknown> {
  const asked = await agent.next((frame) => frame.subject === subject);
  agent.send({ subject: asked.reply, data });
  return asked.data;
}

const from = (host: string, address: string): Record<string, string> => ({
  ...{ "Zedops-Boot-Id": `boot-of-${host}`, "CF-Connecting-IP": address },
});

it("dumps", async (context) => {
  spyOnHub();
  const kinds: Record<string, Row> = {};
  const named = (kind: string, { connection }: TestAgent, token?: string): void => {
    // An agent that has not registered does not know its id.
    const admission = admissions
      .map((text) => JSON.parse(text))
      .find(({ connectionId }) => connectionId === connection);
    kinds[kind] = { agentId: admission.agentId, connection, ...(token !== undefined && { token }) };
  };

  // A registered socket with all that an agent can report.
  const full = await TestAgent.enrolled();
  full.agent.sendText("no JSON");
  full.agent.sendText("{}");
  full.agent.send({ subject: `inbox.${full.agent.connection}.nobody-waits`, data: 1 });
  await full.agent.request("agent.subscribe", { patterns: ["fleet.>", `agents.${full.agent.id}.>`] });
  await full.agent.request("agent.heartbeat", { rttMs: 23, skewMs: -140 });
  await golden(() => api("POST", "/api/publish", { subject: "fleet.news", data: { text: "grüße ✓" } }));
  await golden(() => api("POST", "/api/publish", { subject: "fleet.bare" }));
  await api("POST", "/api/publish", { subject: "fleet.last", data: 3 });
  await full.agent.next((frame) => frame.subject === "fleet.last");
  const first = full.agent.frames.find(({ subject }) => subject === "fleet.news");
  await full.agent.request("agent.credit", {
    frames: 1,
    bytes: new TextEncoder().encode(JSON.stringify(first)).length,
  });
  named("registered", full.agent, full.token);

  // A subscriber that has acknowledged nothing, and whose window is full.
  const slow = await TestAgent.enrolled();
  await slow.agent.request("agent.subscribe", { patterns: [`agents.${slow.agent.id}.slow`] });
  for (let n = 0; n < 258; n++) await api("POST", "/api/publish", { subject: `agents.${slow.agent.id}.slow`, data: n });
  named("slow", slow.agent, slow.token);

  // Sockets that have not registered: one opened with an enrolment token, one with an agent's own.
  const enrolment = await mintToken({ name: "edge-7" });
  named(
    "unregistered, by enrolment",
    await TestAgent.open({ token: enrolment, installId: "install-of-edge-7" }),
    enrolment,
  );
  const known = await TestAgent.enrolled();
  named("registered, beside an unregistered one", known.agent, known.token);
  named("unregistered, by its own token", await TestAgent.open({ token: known.token }), known.token);

  // Leases over HTTP: one that lives, one whose token is known and that has ended.
  const [leaseToken, sleeperToken] = [await mintToken(), await mintToken()];
  const lease = await golden(() => overHttp("register", leaseToken, HOST, from("the-lease", "203.0.113.7")));
  await golden(() => overHttp("heartbeat", String(lease.token), { rttMs: 7 }, from("the-lease", "203.0.113.7")));
  kinds["http lease"] = { agentId: lease.agentId, connection: `http-${lease.agentId}`, token: lease.token };
  const sleeper = await TestAgent.online({ token: sleeperToken });
  await golden(() => overHttp("heartbeat", String(sleeper.token), {}));
  sleeper.agent.socket.close(1000, "stopped");
  await stored(sleeper.agent.id, (row) => row.status === "offline");

  // A socket that the hub has ended, and whose client does not answer the close.
  const replaced = await TestAgent.enrolled();
  const stale = await TestAgent.online({
    token: replaced.token,
    halfOpen: true,
    headers: from("the-stale", "192.0.2.1"),
  });
  const newer = await TestAgent.online({ token: replaced.token, headers: from("the-newer", "192.0.2.2") });
  named("ended", stale.agent, replaced.token);
  named("replaced it", newer.agent, replaced.token);

  // A clone that was reported, and one whose second host is to be separated when it next connects, and one that was.
  const clones: [string, number][] = [
    ["cloned", 0],
    ["separation ordered", 1],
    ["separated", 2],
  ];
  for (const [kind, depth] of clones) {
    const { agent, token } = await TestAgent.enrolled();
    const original = () => TestAgent.online({ token, headers: from("the-original", "198.51.100.1") });
    const copy = () => TestAgent.online({ token, headers: from("the-copy", "198.51.100.2") });
    await original();
    await copy();
    const last = await original();
    await stored(agent.id, (row) => row.clone !== null);
    if (depth < 2) named(kind, last.agent, token);
    if (depth >= 1) await golden(() => api("POST", `/api/agents/${agent.id}/separate`));
    if (depth < 2) continue;
    const second = await copy();
    const offer = (await answer(second.agent, "agent.rotate", {})) as { token: string };
    await stored(agent.id, (row) => row.clone === null);
    named(kind, second.agent, token);
    const own = await TestAgent.online({ token: offer.token, headers: from("the-copy", "198.51.100.2") });
    named("its second host", own.agent, offer.token);
  }

  // An agent that holds a candidate, and one that has come back with it.
  for (const kind of ["holds a candidate", "came with its candidate"]) {
    const { agent, token } = await TestAgent.enrolled();
    const rotated = golden(() => api("POST", `/api/agents/${agent.id}/rotate`));
    const { token: candidate } = (await answer(agent, "agent.rotate", {})) as { token: string };
    expect((await rotated).status).toBeLessThan(300);
    if (kind === "holds a candidate") named(kind, agent, token);
    else named(kind, (await TestAgent.online({ token: candidate })).agent, candidate);
  }

  // Agents that were shut out, and an enrolment that was revoked.
  for (const [method, path, kind] of [
    ["POST", "/revoke", "revoked"],
    ["DELETE", "", "removed"],
  ] as const) {
    const { agent, token } = await TestAgent.enrolled();
    await golden(() => api(method, `/api/agents/${agent.id}${path}`));
    named(kind, agent, token);
  }
  const { body: minted } = await api("GET", "/api/admin/tokens");
  await api("DELETE", `/api/admin/tokens/${(minted as { id: string }[])[0]?.id}`);

  // A session, which is one row of D1, and requests of the operator.
  const session = await fetchManager("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ password: env.ADMIN_PASSWORD }),
  });
  expect(session.status).toBeLessThan(300);
  for (const body of [
    { subject: "test.echo", data: { n: 1 } },
    { subject: "test.bare", timeoutMs: 1_000 },
  ]) {
    const request = golden(() => api("POST", `/api/agents/${full.agent.id}/request`, body));
    await answer(full.agent, body.subject, "data" in body ? body.data : undefined);
    expect((await request).status).toBe(200);
  }
  await golden(() => api("GET", "/api/agents"));
  await golden(() => api("GET", `/api/agents/${full.agent.id}`));
  await golden(() => api("GET", `/api/agents/${full.agent.id}/subscriptions`));
  await golden(() => api("GET", `/api/agents/${lease.agentId}/subscriptions`));

  // A beat that the runtime answers, a sweep, and hibernation, after which the attachments are all that is left.
  full.agent.sendText(HEARTBEAT);
  await full.agent.next((frame) => frame.subject === "agent.heartbeat.ack");
  await runInDurableObject(hub(), (_, ctx) => ctx.storage.sql.exec("DELETE FROM sweep"));
  await runDurableObjectAlarm(hub());
  await evictDurableObject(hub());

  // Transitions that D1 does not have: an agent that left, and one that beats over HTTP again.
  const leaver = await TestAgent.enrolled();
  await stored(leaver.agent.id, (row) => row.status === "online");
  named("left while D1 was out of reach", leaver.agent, leaver.token);
  kinds["came while D1 was out of reach"] = { agentId: sleeper.agent.id, connection: `http-${sleeper.agent.id}` };
  const beat = calls.findLast(({ method }) => method === "heartbeat");
  await vi.waitUntil(async () => (await rowsOfHub()).outbox?.length === 0);
  await hideRegistry();
  leaver.agent.socket.close(1000, "stopped");
  const [admission] = (beat?.args ?? []) as Parameters<AgentHub["heartbeat"]>;
  await hub().heartbeat({ ...admission, generation: Date.now() }, { rttMs: 9 });
  await vi.waitUntil(async () => (await rowsOfHub()).outbox?.length === 2);

  const dump = {
    at: Date.now(),
    settings: Object.fromEntries(Object.entries(env).filter(isSetting)),
    kinds,
    sockets: await runInDurableObject(hub(), (_, ctx) =>
      ctx.getWebSockets().map((socket) => ({
        tags: ctx.getTags(socket),
        answeredAt: ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null,
        attachment: socket.deserializeAttachment() as unknown,
      })),
    ),
    alarm: await runInDurableObject(hub(), (_, ctx) => ctx.storage.getAlarm()),
    hubSchema: await schemaOfHub(),
    hub: await rowsOfHub(),
    d1: await rowsOfD1(),
    calls,
    admissions,
  };
  await showRegistry();
  // Last, because it ends every connection.
  await golden(() => api("POST", "/api/admin/drain", { delayMs: 1_000 }));
  Object.assign(context.task.meta, { dump: JSON.stringify(dump) });
});

/** Whether this is a variable or a secret of the manager: vitest's own begin so. */
function isSetting([name, value]: [string, unknown]): boolean {
  return typeof value === "string" && !name.startsWith("__");
}

function rowsOfHub(): Promise<Record<string, Row[]>> {
  return runInDurableObject(hub(), (_, { storage: { sql } }) => {
    const tables = sql.exec<{ name: string }>(TABLES).toArray();
    return Object.fromEntries(tables.map(({ name }) => [name, sql.exec(`SELECT * FROM "${name}"`).toArray() as Row[]]));
  });
}

function schemaOfHub(): Promise<string[]> {
  return runInDurableObject(hub(), (_, { storage: { sql } }) =>
    sql
      .exec<{ sql: string }>(SCHEMA)
      .toArray()
      .map((made) => made.sql),
  );
}

async function rowsOfD1(): Promise<Record<string, Row[]>> {
  const { results } = await env.DB.prepare(TABLES).all<{ name: string }>();
  const rows: Record<string, Row[]> = {};
  for (const { name } of results) {
    // The table of agents is out of reach under this name.
    rows[name === "hidden" ? "agents" : name] = (await env.DB.prepare(`SELECT * FROM "${name}"`).all<Row>()).results;
  }
  return rows;
}

/** What the manager has made: the names of the platform and of wrangler begin otherwise. */
const OWN = `name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'd1_*' AND name NOT GLOB '__*'`;
const TABLES = `SELECT name FROM sqlite_master WHERE type = 'table' AND ${OWN} ORDER BY name`;
/** Tables before their indexes. */
const SCHEMA = `SELECT sql FROM sqlite_master WHERE ${OWN} ORDER BY type = 'table' DESC, name`;
