/** `POST /api/agents/bulk`: each agent's outcome, its audit event, its connection, its viewers; and what it costs. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import worker from "../src/index.ts";
import { agentView, api, BASIC, fetchManager, type Message, mintToken, ORIGIN, TestAgent } from "./manager.ts";
import { countRows, insertAgents, rowsOf } from "./rows.ts";
import { SOON } from "./soon.ts";

const PATH = "/api/agents/bulk";
const MANY = { count: 250, prefix: "many" };

async function bulk(body: object): Promise<string[]> {
  const answer = await api("POST", PATH, body);
  expect(answer.status).toBe(200);
  const { results } = answer.body as { results: { id: string; outcome: string }[] };
  expect(results.map(({ id }) => id)).toEqual((body as { ids: string[] }).ids);
  return results.map(({ outcome }) => outcome);
}

async function online(...labels: string[]): Promise<TestAgent> {
  return (await TestAgent.online({ token: await mintToken({ labels }) })).agent;
}

/** The latest audit events, the oldest of them first. */
async function audited(count: number): Promise<{ action: string; target: string; detail: unknown }[]> {
  const { body } = await api("GET", `/api/audit?limit=${count}`);
  return (body as { action: string; target: string; detail: unknown }[]).toReversed();
}

async function insertMany(): Promise<string[]> {
  await mintToken();
  const enrolment = await env.DB.prepare("SELECT id FROM enrolments LIMIT 1").first<string>("id");
  await insertAgents(enrolment ?? "", MANY.count, MANY.prefix);
  return Array.from({ length: MANY.count }, (_, n) => `${MANY.prefix}${n + 1}`);
}

/** Calls the Worker with another hub, or another database. */
async function bulkWith(bindings: object, body: object): Promise<{ status: number; body: unknown }> {
  const ctx = createExecutionContext();
  const request = new Request(`${ORIGIN}${PATH}`, {
    method: "POST",
    headers: { Authorization: BASIC, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const response = await worker.fetch(request, { ...env, ...bindings }, ctx);
  await waitOnExecutionContext(ctx);
  return { status: response.status, body: await response.json() };
}

let before: number;
beforeEach(async () => {
  before = (await env.DB.prepare("SELECT count(*) AS n FROM audit").first<number>("n")) ?? 0;
});

const eventsSince = async () =>
  ((await env.DB.prepare("SELECT count(*) AS n FROM audit").first<number>("n")) ?? 0) - before;

afterEach(async () => {
  vi.restoreAllMocks();
  await env.DB.exec("DELETE FROM agents");
});

describe("several agents at once are", () => {
  it("revoked: their connections close, and only those that were not revoked before are recorded", async () => {
    const [one, two, before] = [await online(), await online(), await online()];
    await api("POST", `/api/agents/${before.id}/revoke`);
    const ids = [two.id, "nobody", before.id, one.id];
    expect(await bulk({ action: "revoke", ids })).toEqual(["done", "unknown_agent", "done", "done"]);
    for (const agent of [one, two]) {
      expect(await agent.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
      expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "revoked", revision: 1 });
    }
    const events = await audited(2);
    expect(events.map(({ action }) => action)).toEqual(["agent.revoke", "agent.revoke"]);
    expect(events.map(({ target }) => target).toSorted()).toEqual([one.id, two.id].toSorted());
    expect(await bulk({ action: "revoke", ids })).toEqual(["done", "unknown_agent", "done", "done"]);
    expect(await audited(2)).toEqual(events);
  });

  it("removed, with their timelines; those that were removed before are unknown", async () => {
    const [one, two, before] = [await online(), await online("env=prod"), await online()];
    await api("DELETE", `/api/agents/${before.id}`);
    const ids = [one.id, two.id, before.id];
    expect(await bulk({ action: "remove", ids })).toEqual(["done", "done", "unknown_agent"]);
    for (const agent of [one, two]) expect((await agent.untilClosed()).code).toBe(4403);
    expect((await api("GET", "/api/agents")).body).toEqual([]);
    expect((await audited(2)).map(({ action, target }) => [action, target]).toSorted()).toEqual(
      [one.id, two.id].map((id) => ["agent.remove", id]).toSorted(),
    );
    expect(await bulk({ action: "revoke", ids: [one.id] })).toEqual(["unknown_agent"]);
    expect(await bulk({ action: "label", ids: [one.id], add: ["a"] })).toEqual(["unknown_agent"]);
  });

  it("labelled: what is added replaces its key, the rest stays, and too many change nothing", async () => {
    const full = Array.from({ length: 16 }, (_, n) => `k${n}`);
    const agents = [await online("env=test", "old=1", "stays"), await online(), await online(...full)];
    const ids = agents.map(({ id }) => id);
    expect(await bulk({ action: "label", ids, add: ["env=prod", "new="], remove: ["old", "absent"] })).toEqual([
      "done",
      "done",
      "too_many_labels",
    ]);
    const labels = async () => Promise.all(ids.map(async (id) => (await agentView(id)) as unknown));
    expect(await labels()).toMatchObject([
      { labels: ["env=prod", "new", "stays"], revision: 1 },
      { labels: ["env=prod", "new"], revision: 1 },
      { labels: full.toSorted(), revision: 0 },
    ]);
    expect((await api("GET", "/api/agents?label=new%3D")).body).toHaveLength(2);
    expect((await api("GET", "/api/agents?label=old")).body).toEqual([]);
    const events = await audited(2);
    expect(events.map(({ target }) => target).toSorted()).toEqual(ids.slice(0, 2).toSorted());
    for (const event of events) {
      expect(event).toMatchObject({ action: "agent.label", detail: { add: "env=prod, new", remove: "old, absent" } });
    }
    // A full agent may exchange a label.
    expect(await bulk({ action: "label", ids, add: ["one-more"], remove: ["k0"] })).toEqual(["done", "done", "done"]);
    expect(await bulk({ action: "label", ids, remove: full })).toEqual(["done", "done", "done"]);
    expect(await labels()).toMatchObject([{}, {}, { labels: ["one-more"] }]);
  });

  it("shown as changed in the live feed", async () => {
    const [one, two] = [await online(), await online()];
    const response = await fetchManager("/api/live?shard=0", {
      headers: { Upgrade: "websocket", Authorization: BASIC },
    });
    const socket = response.webSocket;
    if (socket === null) throw new Error("no socket");
    const messages: Message[] = [];
    socket.addEventListener("message", ({ data }) => {
      const message: Message = JSON.parse(String(data));
      messages.push(...(message.subject === "live.batch" ? (message.data as Message[]) : [message]));
    });
    socket.accept();
    onTestFinished(() => socket.close(1000, "done"));
    const told = (id: string, change: string) =>
      vi.waitUntil(
        () =>
          messages.find(({ subject, data }) => {
            return subject === `registry.${id}` && (data as { change: string }).change === change;
          }),
        SOON,
      );
    await vi.waitUntil(() => messages.length > 0, SOON);
    const ids = [one.id, two.id];
    await bulk({ action: "label", ids, add: ["env=prod"] });
    for (const id of ids) {
      expect((await told(id, "labelled")).data).toMatchObject({ revision: 1, agent: { id, labels: ["env=prod"] } });
    }
    await api("PATCH", `/api/agents/${one.id}`, { name: "other", labels: [] });
    expect((await told(one.id, "renamed")).data).toMatchObject({ revision: 3, agent: { name: "other", labels: [] } });
    await bulk({ action: "revoke", ids });
    for (const id of ids) expect((await told(id, "revoked")).data).toMatchObject({ agent: { id } });
    await bulk({ action: "remove", ids });
    for (const id of ids) expect((await told(id, "removed")).data).toMatchObject({ agent: null });
  });
});

describe("a partial failure", () => {
  it("names the agents whose hub was not told; it may be repeated", async () => {
    const agent = await online();
    const noHub = {
      getByName: () => {
        throw new Error("no hub");
      },
    };
    const ids = [agent.id, "nobody"];
    expect(await bulkWith({ HUB: noHub }, { action: "revoke", ids })).toMatchObject({
      status: 200,
      body: { results: [{ outcome: "hub_unavailable" }, { outcome: "unknown_agent" }] },
    });
    expect(agent.closed).toBeNull();
    expect(await bulk({ action: "revoke", ids })).toEqual(["done", "unknown_agent"]);
    expect((await agent.untilClosed()).code).toBe(4403);
  });

  it("is the same with a hub of an earlier release, which cannot close several connections", async () => {
    const agent = await online();
    const earlier = { getByName: () => ({ disconnect: () => Promise.resolve() }) };
    const action = { action: "remove", ids: [agent.id] };
    for (const _ of ["first", "second"]) {
      expect(await bulkWith({ HUB: earlier }, action)).toMatchObject({
        body: { results: [{ outcome: "hub_unavailable" }] },
      });
    }
    expect(await bulk(action)).toEqual(["unknown_agent"]);
    expect((await agent.untilClosed()).code).toBe(4403);
  });

  it("names the agents for whom the registry failed; if it was all of them, the answer is 503", async () => {
    const ids = await insertMany();
    let batches = 0;
    const failing = (after: number) =>
      new Proxy(env.DB, {
        get: (db, name) => {
          if (name === "batch") {
            return (statements: D1PreparedStatement[]) =>
              ++batches > after ? Promise.reject(new Error("D1 is out of reach")) : db.batch(statements);
          }
          const value: unknown = Reflect.get(db, name);
          return typeof value === "function" ? value.bind(db) : value;
        },
      });
    const action = { action: "label", ids, add: ["env=prod"] };
    expect(await bulkWith({ DB: failing(0) }, action)).toMatchObject({
      status: 503,
      body: { error: { code: "registry_unavailable" } },
    });
    expect(await eventsSince()).toBe(1);
    batches = 0;
    const { body } = await bulkWith({ DB: failing(1) }, action);
    const outcomes = (body as { results: { outcome: string }[] }).results.map(({ outcome }) => outcome);
    expect(outcomes).toEqual([...Array(100).fill("done"), ...Array(150).fill("registry_unavailable")]);
    expect((await api("GET", "/api/agents?label=env%3Dprod")).body).toHaveLength(100);
  });
});

describe("a request is refused", () => {
  it.each([
    [{ action: "revoke", ids: [] }, /^ids: /],
    [{ action: "revoke", ids: Array.from({ length: 501 }, (_, n) => `id${n}`) }, /^ids: /],
    [{ action: "revoke", ids: ["a", "b", "a"] }, /^ids: has an id twice/],
    [{ action: "revoke", ids: ["a"], add: ["b"] }, /^add: is not a known field/],
    [{ action: "rename", ids: ["a"] }, /^action: /],
    [{ ids: ["a"] }, /^action: /],
    [{ action: "label", ids: ["a"] }, /add or remove/],
    [{ action: "label", ids: ["a"], add: [] }, /^add: /],
    [{ action: "label", ids: ["a"], remove: [] }, /^remove: /],
    [{ action: "label", ids: ["a"], add: ["=x"] }, /^add\.0: the key/],
    [{ action: "label", ids: ["a"], remove: ["env=prod"] }, /^remove\.0: is not the key of a label/],
    [{ action: "label", ids: ["a"], add: ["env=prod"], remove: ["x", "env"] }, /^remove: has the key of a label/],
  ])("%j", async (body, message) => {
    expect(await api("POST", PATH, body)).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request", message: expect.stringMatching(message) } },
    });
  });

  it("without a password", async () => {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" };
    expect((await fetchManager(PATH, init)).status).toBe(401);
  });
});

describe("the cost", () => {
  it("is a few rows for each agent, and one batch of D1 for a hundred of them", async () => {
    const ids = await insertMany();
    const rows = countRows();
    // The audit event of each agent is three rows, because two indexes have it too.
    for (const [action, read, written] of [
      [{ action: "label", ids, add: ["env=prod"] }, 22, 6.1],
      [{ action: "revoke", ids }, 13, 4.1],
      [{ action: "remove", ids }, 30, 7],
    ] as const) {
      const cost = await rowsOf(rows, () => bulk(action));
      expect(cost.read / ids.length).toBeLessThanOrEqual(read);
      expect(cost.written / ids.length).toBeLessThanOrEqual(written);
    }
    expect(await eventsSince()).toBe(1 + 3 * ids.length);
  });
});
