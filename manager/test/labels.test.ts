/** Labels: how agents get them, the filters of the list and of publications, and what they cost. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { AgentHub } from "../src/hub/hub.ts";
import worker from "../src/index.ts";
import { insertSeparated } from "../src/registry/clones.ts";
import { listLabelled, parseLabels, storedLabels } from "../src/registry/labels.ts";
import { writeTransitions } from "../src/registry/transitions.ts";
import { api, BASIC, fetchManager, HOST, type Message, mintToken, ORIGIN, stored, TestAgent } from "./manager.ts";
import { countRows, insertAgents, rowsOf } from "./rows.ts";
import { SOON } from "./soon.ts";

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly revision: number;
}

async function list(query: string): Promise<{ agents: Listed[]; next: string | null }> {
  const response = await fetchManager(`/api/agents?${query}`, { headers: { Authorization: BASIC } });
  expect(response.status).toBe(200);
  const next = response.headers.get("Link")?.match(/\?([^>]*)>/)?.[1] ?? null;
  return { agents: await response.json<Listed[]>(), next };
}

const names = async (query: string) => (await list(query)).agents.map(({ name }) => name);

const label = (id: string, labels: readonly string[]) => api("PATCH", `/api/agents/${id}`, { labels });

async function agentWith(name: string, ...labels: string[]): Promise<TestAgent> {
  const { agent } = await TestAgent.online({ token: await mintToken({ name, labels }) });
  return agent;
}

/** The index, as it must be: two terms for each label. */
async function expectIndexed(id: string, name: string, labels: readonly string[]): Promise<void> {
  const { results } = await env.DB.prepare("SELECT term, agent_name FROM agent_labels WHERE agent_id = ? ORDER BY term")
    .bind(id)
    .all();
  const terms = labels.flatMap((text) => {
    const [key = "", ...value] = text.split("=");
    return [key, `${key}=${value.join("=")}`];
  });
  expect(results).toEqual(terms.toSorted().map((term) => ({ term, agent_name: name })));
}

afterEach(async () => {
  await env.DB.exec("DELETE FROM agents");
  expect(await env.DB.prepare("SELECT count(*) AS n FROM agent_labels").first("n")).toBe(0);
});

describe("an agent that enrols", () => {
  async function enrol(tokenLabels: string[], labels: unknown) {
    const token = await mintToken({ labels: tokenLabels, maxUses: 10 });
    const agent = await TestAgent.open({ token });
    const reply = await agent.request("agent.register", { ...HOST, labels });
    return { token, agent, reply, id: (reply.data as { agentId: string } | undefined)?.agentId ?? "" };
  }

  it("has its labels and those of its token, which win", async () => {
    const { id } = await enrol(["env=prod", "Site=Büro 4"], ["env=test", "edge=", "a.b/c=x=y"]);
    expect((await api("GET", `/api/agents/${id}`)).body).toMatchObject({
      labels: ["Site=Büro 4", "a.b/c=x=y", "edge", "env=prod"],
    });
    await expectIndexed(id, "edge-7", ["Site=Büro 4", "a.b/c=x=y", "edge", "env=prod"]);
    expect(await names("label=env%3Dtest")).toEqual([]);
  });

  it("has none without any, and its own without a token's", async () => {
    expect((await list("")).agents).toEqual([]);
    await enrol([], undefined);
    await enrol([], ["edge"]);
    expect((await list("")).agents.map(({ labels }) => labels).toSorted()).toEqual([[], ["edge"]]);
    const { results } = await env.DB.prepare("SELECT labels FROM agents ORDER BY labels").all();
    expect(results).toEqual([{ labels: null }, { labels: '{"v":1,"labels":{"edge":""}}' }]);
  });

  it("keeps them where it registers or enrols again with others", async () => {
    const token = await mintToken();
    const installId = "the-same-host";
    for (const labels of [["env=prod"], ["env=test"], undefined]) {
      const agent = await TestAgent.open({ token, installId });
      expect((await agent.request("agent.register", { ...HOST, labels })).error).toBeUndefined();
    }
    expect((await list("")).agents.map(({ labels }) => labels)).toEqual([["env=prod"]]);
  });

  it.each([
    [["=prod"], /^labels\.0: the key/],
    [["env=\u202Eprod"], /^labels\.0: the value must not contain characters that change/],
    [["env", "env=prod"], /^labels: two labels must not have the same key/],
    [Array.from({ length: 17 }, (_, n) => `k${n}`), /^labels: there must be at most 16/],
    ["edge", /^labels: /],
  ])("is refused with %j, and may try again", async (labels, message) => {
    const { agent, reply, token } = await enrol([], labels);
    expect(reply.error).toEqual({ code: "invalid_data", message: expect.stringMatching(message) });
    expect((await agent.request("agent.register", HOST)).error).toBeUndefined();
    expect((await api("GET", "/api/admin/tokens")).body).toContainEqual(expect.objectContaining({ uses: 1 }));
    const http = await fetchManager("/api/agent/register", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Zedops-Boot-Id": "boot-id-1" },
      body: JSON.stringify({ ...HOST, labels }),
    });
    expect([http.status, await http.json()]).toMatchObject([400, { error: { code: "invalid_request" } }]);
  });

  it("is refused if it would have more than 16 with those of its token, and uses nothing", async () => {
    const tokenLabels = Array.from({ length: 15 }, (_, n) => `k${n}=${"v".repeat(63)}`);
    const { agent, reply, token } = await enrol(tokenLabels, ["a", "b"]);
    expect(reply.error).toMatchObject({ code: "invalid_data", message: expect.stringMatching(/^labels: .*16/) });
    expect(agent.closed).toBeNull();
    expect((await agent.request("agent.register", { ...HOST, labels: ["a", "k0=x"] })).error).toBeUndefined();
    expect((await list("")).agents.map(({ labels }) => labels.length)).toEqual([16]);
    // Every host of the token may have the most.
    await TestAgent.online({ token });
    expect((await list("label=k14")).agents).toHaveLength(2);
  });
});

describe("an enrolment token", () => {
  it("shows its labels when it is minted, and in the list", async () => {
    const minted = await api("POST", "/api/admin/tokens", { labels: ["env=prod", "edge="] });
    expect(minted).toMatchObject({ status: 201, body: { labels: ["edge", "env=prod"] } });
    const plain = await api("POST", "/api/admin/tokens", {});
    expect(plain.body).toMatchObject({ labels: [] });
    const { id } = minted.body as { id: string };
    expect((await api("GET", "/api/admin/tokens")).body).toContainEqual(
      expect.objectContaining({ id, labels: ["edge", "env=prod"] }),
    );
    const { body } = await api("GET", "/api/audit?limit=2");
    const details = (body as { detail: Record<string, unknown> }[]).map(({ detail }) => detail);
    expect(details).toMatchObject([{ maxUses: 1 }, { labels: "edge, env=prod" }]);
    expect(details[0]).not.toHaveProperty("labels");
  });

  it.each([[["a b"]], [["a", "a=1"]], ["a"], [null]])("is not minted with %j", async (labels) => {
    expect(await api("POST", "/api/admin/tokens", { labels })).toMatchObject({ status: 400 });
  });
});

describe("an operator", () => {
  it("gives an agent a whole new list, with its name or without; both are recorded and raise the revision", async () => {
    const agent = await agentWith("edge-7", "env=prod");
    expect(await label(agent.id, ["b=2", "a"])).toMatchObject({
      status: 200,
      body: { name: "edge-7", labels: ["a", "b=2"], revision: 1, status: "online" },
    });
    await expectIndexed(agent.id, "edge-7", ["a", "b=2"]);
    expect(await api("PATCH", `/api/agents/${agent.id}`, { name: "Other", labels: ["c"] })).toMatchObject({
      body: { name: "Other", labels: ["c"], revision: 3 },
    });
    await expectIndexed(agent.id, "Other", ["c"]);
    expect(await api("PATCH", `/api/agents/${agent.id}`, { name: "third" })).toMatchObject({ body: { labels: ["c"] } });
    await expectIndexed(agent.id, "third", ["c"]);
    expect(await label(agent.id, [])).toMatchObject({ body: { labels: [] } });
    await expectIndexed(agent.id, "third", []);
    const { body } = await api("GET", "/api/audit?limit=5");
    expect((body as object[]).toReversed()).toMatchObject([
      { action: "agent.label", target: agent.id, detail: { labels: "a, b=2" } },
      { action: "agent.rename", target: agent.id, detail: { name: "Other" } },
      { action: "agent.label", target: agent.id, detail: { labels: "c" } },
      { action: "agent.rename", target: agent.id, detail: { name: "third" } },
      { action: "agent.label", target: agent.id, detail: { labels: "" } },
    ]);
  });

  it("is refused a bad list, and an agent that is not there", async () => {
    const agent = await agentWith("edge-7", "env=prod");
    for (const body of [{}, { labels: ["a="], nam: "x" }, { labels: ["a", "a=b"] }, { labels: "a" }, { name: "" }]) {
      expect(await api("PATCH", `/api/agents/${agent.id}`, body)).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request" } },
      });
    }
    expect(await label("nobody", [])).toMatchObject({ status: 404, body: { error: { code: "unknown_agent" } } });
    await expectIndexed(agent.id, "edge-7", ["env=prod"]);
  });

  it("sees the agent's labels after it was revoked, and none of it after its removal", async () => {
    const agent = await agentWith("edge-7", "env=prod");
    await api("POST", `/api/agents/${agent.id}/revoke`);
    expect(await names("label=env")).toEqual(["edge-7"]);
    await api("DELETE", `/api/agents/${agent.id}`);
    expect(await names("label=env")).toEqual([]);
    await expectIndexed(agent.id, "edge-7", []);
  });
});

describe("the list with label filters", () => {
  beforeEach(async () => {
    await agentWith("b-1", "env=prod", "edge");
    await agentWith("A-2", "env=prod", "site=x");
    await agentWith("c-3", "env=test", "edge=old");
    await agentWith("d-4", "Env=prod");
    await agentWith("e-5");
  });

  it.each([
    ["label=env", ["A-2", "b-1", "c-3"]],
    ["label=env%3Dprod", ["A-2", "b-1"]],
    ["label=env%3Dpro", []],
    ["label=Env%3Dprod", ["d-4"]],
    ["label=edge", ["b-1", "c-3"]],
    ["label=edge%3D", ["b-1"]],
    ["label=edge&label=env%3Dprod", ["b-1"]],
    ["label=env%3Dprod&label=env%3Dtest", []],
    ["label=env&label=env", ["A-2", "b-1", "c-3"]],
    ["label=env&q=C-3", ["c-3"]],
    ["label=env&status=online&limit=10", ["A-2", "b-1", "c-3"]],
    ["label=env&status=offline", []],
    ["label=none", []],
  ])("%s", async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  it("has pages, and no agent twice", async () => {
    const first = await list("label=env&limit=2");
    expect(first.agents.map(({ name }) => name)).toEqual(["A-2", "b-1"]);
    expect(await names(first.next ?? "")).toEqual(["c-3"]);
    const both = await list("label=env&label=edge&limit=1");
    expect(both.agents.map(({ name }) => name)).toEqual(["b-1"]);
    const last = await list(both.next ?? "");
    expect([last.agents.map(({ name }) => name), last.next]).toEqual([["c-3"], null]);
  });

  it.each(["label=", "label=%3Dprod", "label=a%20b", `label=${"a&label=".repeat(16)}a`])(
    "refuses %s",
    async (query) => {
      expect(await api("GET", `/api/agents?${query}`)).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request", message: expect.stringMatching(/^label/) } },
      });
    },
  );
});

describe.each([100, 3_000])("with %i agents", (count) => {
  const prefix = "x";

  beforeEach(async () => {
    await mintToken();
    const enrolment = await env.DB.prepare("SELECT id FROM enrolments LIMIT 1").first<string>("id");
    await insertAgents(enrolment ?? "", count, prefix);
    await env.DB.prepare(
      `UPDATE agents SET labels = iif(id LIKE '%7', '{"v":1,"labels":{"env":"prod","odd":""}}', '{"v":1,"labels":{"env":"test"}}')`,
    ).run();
    // Few agents have this one: five of each fleet.
    await env.DB.prepare(
      `UPDATE agents SET labels = '{"v":1,"labels":{"env":"rare","odd":""}}' WHERE id IN ('x1', 'x2', 'x3', 'x4', 'x5')`,
    ).run();
  });

  it("a page with a filter reads two rows per agent on it, wherever it is, and one more for each other filter", async () => {
    const rows = countRows();
    const cost = async (query: string) => {
      let found = 0;
      const { read } = await rowsOf(rows, async () => {
        found = (await list(query)).agents.length;
      });
      return { read, found };
    };
    expect(await cost("limit=10")).toEqual({ read: expect.toSatisfy((read) => read <= 12), found: 10 });
    const half = encodeURIComponent(btoa(JSON.stringify([`x-${String(count / 2).padStart(5, "0")}`, `x${count / 2}`])));
    for (const query of ["label=env&limit=10", "label=env%3Dtest&limit=10", `label=env&limit=10&cursor=${half}`]) {
      expect(await cost(query), query).toEqual({ read: expect.toSatisfy((read) => read <= 24), found: 10 });
    }
    expect(await cost("label=env%3Drare")).toEqual({ read: expect.toSatisfy((read) => read <= 11), found: 5 });
    expect(await cost("label=env&label=env%3Drare")).toEqual({
      read: expect.toSatisfy((read) => read <= 16),
      found: 5,
    });
    expect(await cost("label=none")).toEqual({ read: expect.toSatisfy((read) => read <= 1), found: 0 });
    expect((await rowsOf(rows, () => listLabelled(env.DB, ["env=rare"], 100))).read).toBeLessThanOrEqual(11);
  });

  it("a list of agents with labels reads no row more than one without", async () => {
    const rows = countRows();
    const { read } = await rowsOf(rows, () => list("limit=100"));
    expect(read).toBeLessThanOrEqual(102);
  });

  it("presence costs an agent with labels no row more", async () => {
    const host = { version: "1.0.0", os: "linux", arch: "amd64", hostname: "host" };
    const now = Date.now();
    const transition = {
      ...{ agentId: "x1", generation: now, status: "online" as const, reason: null, since: now, lastSeen: now },
      ...{ connectedAt: now, address: null, host, closeCode: null },
    };
    const rows = countRows();
    const { read, written } = await rowsOf(rows, () => writeTransitions(env.DB, "hub-0", [transition]));
    expect(read).toBeLessThanOrEqual(4);
    expect(written).toBeLessThanOrEqual(3);
  });

  it("an agent that is labelled, renamed or removed reads and writes as many rows as it has labels", async () => {
    const rows = countRows();
    for (const change of [
      () => label("x1", ["a", "b", "c", "d"]),
      () => api("PATCH", "/api/agents/x1", { name: "y" }),
      () => api("DELETE", "/api/agents/x1"),
    ]) {
      const { read, written } = await rowsOf(rows, change);
      expect(read).toBeLessThanOrEqual(60);
      expect(written).toBeLessThanOrEqual(25);
    }
  });
});

describe("publish with label filters", () => {
  let subject: string;
  beforeEach(() => {
    subject = `fleet.t${crypto.randomUUID().slice(0, 8)}`;
  });

  async function subscriber(name: string, ...labels: string[]): Promise<TestAgent> {
    const agent = await agentWith(name, ...labels);
    expect((await agent.request("agent.subscribe", { patterns: [subject] })).error).toBeUndefined();
    await stored(agent.id, ({ status }) => status === "online");
    return agent;
  }

  const publish = async (filters?: unknown, data?: unknown) =>
    (await api("POST", "/api/publish", { subject, data, ...(filters === undefined ? {} : { label: filters }) })).body;

  const has = (agent: TestAgent) => agent.frames.filter((frame) => frame.subject === subject).map(({ data }) => data);

  it("reaches the agents that match all of them and subscribe, and nobody else", async () => {
    const prod = await subscriber("p", "env=prod", "edge");
    const test = await subscriber("t", "env=test", "edge");
    const none = await subscriber("n");
    await agentWith("deaf", "env=prod");
    expect(await publish(["env=prod"], 1)).toEqual({ delivered: 1, dropped: 0 });
    expect(await publish(["env", "edge"], 2)).toEqual({ delivered: 2, dropped: 0 });
    expect(await publish(["env=prod", "env=test"], 3)).toEqual({ delivered: 0, dropped: 0 });
    expect(await publish(["nobody"], 4)).toEqual({ delivered: 0, dropped: 0 });
    expect(await publish(undefined, 5)).toEqual({ delivered: 3, dropped: 0 });
    for (const agent of [prod, test, none]) await agent.next((frame) => frame.data === 5);
    expect([prod, test, none].map(has)).toEqual([[1, 2, 5], [2, 5], [5]]);
  });

  it("is shown to viewers that watch the subject", async () => {
    const response = await fetchManager("/api/live?shard=0", {
      headers: { Upgrade: "websocket", Authorization: BASIC },
    });
    const messages: Message[] = [];
    const socket = response.webSocket;
    if (socket === null) throw new Error("no socket");
    socket.addEventListener("message", ({ data }) => {
      messages.push(JSON.parse(String(data)));
    });
    socket.accept();
    onTestFinished(() => socket.close(1000, "done"));
    const next = (matches: (message: Message) => boolean) => vi.waitUntil(() => messages.find(matches), SOON);
    const { connection } = (await next((message) => message.subject === "live.welcome")).data as { connection: string };
    const reply = `inbox.${connection}.1`;
    socket.send(JSON.stringify({ subject: "live.subscribe", reply, data: { patterns: [subject] } }));
    await next((message) => message.subject === reply);
    await publish(["env=prod"], 1);
    expect(await next((message) => message.subject === subject)).toMatchObject({ data: 1 });
  });

  it("reads no connection of other agents", async () => {
    await subscriber("p", "env=prod");
    const publishTo = vi.spyOn(AgentHub.prototype, "publishTo");
    const all = vi.spyOn(AgentHub.prototype, "publish");
    const [{ id } = { id: "" }] = (await list("label=env")).agents;
    await publish(["env=prod"]);
    expect(publishTo.mock.calls.map(([ids]) => ids)).toEqual([[id]]);
    expect(all).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it("never reaches every agent through a hub of an earlier release", async () => {
    const agent = await subscriber("p", "env=prod");
    const earlier = {
      getByName: (name: string) => {
        const stub = env.HUB.getByName(name);
        return { publish: (...args: Parameters<typeof stub.publish>) => stub.publish(...args) };
      },
    };
    const ctx = createExecutionContext();
    const response = await worker.fetch(
      new Request(`${ORIGIN}/api/publish`, {
        method: "POST",
        headers: { Authorization: BASIC, "Content-Type": "application/json" },
        body: JSON.stringify({ subject, label: ["env=prod"] }),
      }),
      { ...env, HUB: earlier },
      ctx,
    );
    await waitOnExecutionContext(ctx);
    expect([response.status, await response.json()]).toMatchObject([503, { error: { code: "hub_unavailable" } }]);
    expect(has(agent)).toEqual([]);
  });

  it("is refused with a bad filter, with none, and for more than 10,000 agents", async () => {
    for (const filters of [[], ["=x"], "env", Array(17).fill("env")]) {
      expect(await publish(filters)).toMatchObject({
        error: { code: "invalid_request", message: expect.stringMatching(/^label/) },
      });
    }
    const enrolment = await env.DB.prepare("SELECT id FROM enrolments LIMIT 1").first<string>("id");
    await insertAgents(enrolment ?? "", 10_001, "many");
    await env.DB.prepare(`UPDATE agents SET labels = '{"v":1,"labels":{"env":"many"}}'`).run();
    expect(await publish(["env"])).toMatchObject({ error: { code: "too_many_agents" } });
    await api("DELETE", "/api/agents/many1");
    expect(await publish(["env"])).toEqual({ delivered: 0, dropped: 0 });
  });
});

describe("labels in the registry", () => {
  it("may have any key, and any text in their values", () => {
    const labels = ["constructor", "k=a\"b\\c'", "toString=1"];
    expect(parseLabels(storedLabels(labels), "agents.labels")).toEqual(labels.toSorted());
    expect(storedLabels([])).toBeNull();
  });

  it("are none if they cannot be read", async () => {
    for (const text of ["{", "[]", '{"v":2,"labels":[]}']) expect(parseLabels(text, "agents.labels")).toEqual([]);
  });

  it("go to the second host of a clone", async () => {
    const agent = await agentWith("edge-7", "env=prod");
    const second = { id: "second", from: agent.id, installId: "i", tokenHash: "h", now: Date.now() };
    expect(await insertSeparated(env.DB, second)).toBe(true);
    expect((await list("label=env%3Dprod")).agents.map(({ labels }) => labels)).toEqual([["env=prod"], ["env=prod"]]);
    await expectIndexed("second", "edge-7 (2)", ["env=prod"]);
  });
});
