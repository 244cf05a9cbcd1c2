/** Who may open the live feed, what ends it, and what the registry's changes say in it. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { VIEWER_HEADER } from "../src/hub/hub.ts";
import worker from "../src/index.ts";
import { agentJson, recordedAgentJson } from "../src/registry/agent-json.ts";
import { findAgent } from "../src/registry/agents.ts";
import { sessionEnd } from "../src/registry/sessions.ts";
import { parseViewer, passwordHash } from "../src/registry/viewer-header.ts";
import {
  agentView,
  api,
  BASIC,
  fetchManager,
  hub,
  type Message,
  mintToken,
  ORIGIN,
  stored,
  TestAgent,
} from "./manager.ts";
import { untilMinuteHasRoom } from "./minute.ts";
import { ageSession, logIn, type Session } from "./sessions.ts";

const HOUR_MS = 3_600_000;

type Headers = Record<string, string>;

const UPGRADE = { Upgrade: "websocket" };
const PASSWORD = { Authorization: BASIC };

const openLive = (headers: Headers, query = "?shard=0") =>
  fetchManager(`/api/live${query}`, { headers: { ...UPGRADE, ...headers } });

async function refusal(response: Response): Promise<[number, string]> {
  expect(response.webSocket).toBeNull();
  const { error } = await response.json<{ error: { code: string } }>();
  return [response.status, error.code];
}

/** Calls the Worker with other hubs. */
async function withHubs(hubs: object, path: string, init: RequestInit): Promise<Response> {
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request(`${ORIGIN}${path}`, init), { ...env, HUB: hubs }, ctx);
  await waitOnExecutionContext(ctx);
  return response;
}

/** Hubs as the release before has them: without the methods for the live feed. */
const earlierHubs = {
  getByName: (name: string) => {
    const stub = env.HUB.getByName(name);
    return { status: (...args: Parameters<typeof stub.status>) => stub.status(...args) };
  },
};

/** The client's end of a live feed. */
class TestViewer {
  readonly messages: Message[] = [];
  closed: { code: number; reason: string } | null = null;

  constructor(socket: WebSocket) {
    socket.addEventListener("message", ({ data }) => {
      const message: Message = JSON.parse(String(data));
      this.messages.push(...(message.subject === "live.batch" ? (message.data as Message[]) : [message]));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.accept();
    onTestFinished(() => socket.close(1000, "done"));
  }

  static async open(headers: Headers = PASSWORD): Promise<TestViewer> {
    const response = await openLive(headers);
    expect(response.status).toBe(101);
    if (response.webSocket === null) throw new Error("no socket");
    const viewer = new TestViewer(response.webSocket);
    await viewer.next(({ subject }) => subject === "live.welcome");
    return viewer;
  }

  next(matches: (message: Message) => boolean): Promise<Message> {
    return vi.waitUntil(() => this.messages.find(matches), { timeout: 30_000, interval: 5 });
  }

  /** The data of the next message that tells of this change of the agent. */
  async change(agentId: string, change: string): Promise<{ change: string; revision: number; agent: unknown }> {
    const is = ({ subject, data }: Message) =>
      subject === `registry.${agentId}` && (data as { change: string }).change === change;
    return (await this.next(is)).data as { change: string; revision: number; agent: unknown };
  }

  untilClosed(): Promise<{ code: number; reason: string }> {
    return vi.waitUntil(() => this.closed, { timeout: 30_000, interval: 5 });
  }
}

const lastUsed = ({ idHash }: Session) =>
  env.DB.prepare("SELECT last_used_at FROM sessions WHERE id_hash = ?").bind(idHash).first<number>("last_used_at");

describe("a live feed is refused", () => {
  const foreign = { Origin: "https://elsewhere.test" };

  it("with the first fault: upgrade, page, operator, hub; and no hub is called", async () => {
    const noHubs = {
      getByName: () => {
        throw new Error("a hub was called");
      },
    };
    const refused = async (query: string, headers: Headers) =>
      refusal(await withHubs(noHubs, `/api/live${query}`, { headers }));
    expect(await refused("?shard=9", { ...foreign })).toEqual([426, "upgrade_required"]);
    expect(await refused("?shard=0", { ...PASSWORD, Upgrade: "h2c" })).toEqual([426, "upgrade_required"]);
    expect(await refused("?shard=9", { ...UPGRADE, ...foreign })).toEqual([403, "foreign_origin"]);
    expect(await refused("?shard=0", { ...UPGRADE, ...PASSWORD, ...foreign })).toEqual([403, "foreign_origin"]);
    expect(await refused("?shard=9", { ...UPGRADE, Origin: ORIGIN })).toEqual([401, "unauthorized"]);
    expect(await refused("?shard=9", { ...UPGRADE, ...PASSWORD })).toEqual([400, "invalid_request"]);
  });

  it("to anybody but an operator", async () => {
    const session = await logIn();
    await ageSession(session, 13 * HOUR_MS, 12 * HOUR_MS + 1_000);
    for (const headers of [
      {},
      { Authorization: `Basic ${btoa("admin:wrong")}` },
      { Authorization: `Basic ${btoa("admin:wrong")}`, Cookie: (await logIn()).headers.Cookie ?? "" },
      { Authorization: `Bearer ${await mintToken()}` },
      { Cookie: "__Host-zedops=00" },
      session.headers,
    ]) {
      expect(await refusal(await openLive(headers))).toEqual([401, "unauthorized"]);
    }
  });

  it("after too many wrong passwords, even with the right one", async () => {
    const address = { "CF-Connecting-IP": "198.51.100.77" };
    const guess = async () => (await openLive({ ...address, Authorization: `Basic ${btoa("admin:wrong")}` })).status;
    await untilMinuteHasRoom();
    const answers = new Set<number>();
    for (let n = 0; n <= 20 && !answers.has(429); n++) answers.add(await guess());
    expect([...answers]).toEqual([401, 429]);
    expect(await refusal(await openLive({ ...address, ...PASSWORD }))).toEqual([429, "too_many_requests"]);
  });

  it.each(["", "?shard", "?shard=", "?shard=1", "?shard=-1", "?shard=0.5", "?shard=0x0", "?shard=%200", "?shard=1e-9"])(
    "if it is for no hub: %j",
    async (query) => {
      const response = await openLive(PASSWORD, query);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { code: "invalid_request", message: expect.stringContaining("shard") },
      });
    },
  );

  it("with hub_unavailable while its hub cannot be reached", async () => {
    const failing = { getByName: () => ({ fetch: () => Promise.reject(new Error("overloaded")) }) };
    const init = { headers: { ...UPGRADE, ...PASSWORD } };
    const response = await withHubs(failing, "/api/live?shard=0", init);
    expect(response.headers.get("Retry-After")).toBe("5");
    expect(await refusal(response)).toEqual([503, "hub_unavailable"]);
  });
});

describe("a live feed opens", () => {
  it("with the password, and with a session on the manager's own page", async () => {
    await TestViewer.open(PASSWORD);
    const { headers } = await logIn();
    await TestViewer.open(headers);
    await TestViewer.open({ ...headers, Origin: ORIGIN });
  });

  it("behind a proxy that ends https, on the page of the address that the browser sees", async () => {
    const ctx = createExecutionContext();
    const open = async (origin: string) => {
      const headers = { ...UPGRADE, ...PASSWORD, "X-Forwarded-Proto": "https", Origin: origin };
      const request = new Request("http://manager.test:8443/api/live?shard=0", { headers });
      const response = await worker.fetch(request, env, ctx);
      if (response.webSocket) new TestViewer(response.webSocket);
      return response.status;
    };
    expect(await open("https://manager.test:8443")).toBe(101);
    expect(await open("http://manager.test:8443")).toBe(403);
    await waitOnExecutionContext(ctx);
  });

  it("with the Worker's headers only, and anew when the first attempt fails", async () => {
    const session = await logIn();
    const sent: [string, Headers][] = [];
    const lossy = {
      getByName: (name: string) => ({
        fetch: async (_: string, { headers }: { headers: Headers }) => {
          if (sent.push([name, headers]) === 1) throw Object.assign(new Error("lost"), { retryable: true });
          return new Response("opened");
        },
      }),
    };
    const forged = { ...UPGRADE, [VIEWER_HEADER]: "forged", "Zedops-Admission": "forged", ...session.headers };
    expect(await (await withHubs(lossy, "/api/live?shard=0", { headers: forged })).text()).toBe("opened");
    expect(sent.map(([name, headers]) => [name, Object.keys(headers)])).toEqual(
      Array(2).fill(["hub-0", ["Upgrade", VIEWER_HEADER]]),
    );
    const [first, second] = sent.map(([, headers]) => parseViewer(headers[VIEWER_HEADER] ?? null));
    expect(second).toEqual({
      connectionId: expect.stringMatching(/^[a-z2-7]{20}$/),
      shard: 0,
      session: { idHash: session.idHash, endsAt: await sessionEnd(env.DB, session.idHash, Date.now()) },
      passwordHash: await passwordHash(env),
    });
    expect(first).toEqual({ ...second, connectionId: expect.not.stringMatching(second?.connectionId ?? "") });
  });

  it("never for an agent that shows a viewer's header", async () => {
    const agent = await TestAgent.open({ token: await mintToken(), headers: { [VIEWER_HEADER]: "forged" } });
    expect(agent.frames[0]?.subject).toBe("agent.welcome");
  });
});

describe("a session", () => {
  const get = async (headers: Headers) => (await fetchManager("/api/agents?limit=1", { headers })).status;
  const unattended = { "Zedops-Unattended": "true" };

  it("is prolonged by a person's requests, but neither by unattended ones nor by a live feed", async () => {
    const session = await logIn();
    await ageSession(session, HOUR_MS, HOUR_MS);
    const before = await lastUsed(session);
    expect(await get({ ...session.headers, ...unattended })).toBe(200);
    await TestViewer.open(session.headers);
    expect(await lastUsed(session)).toBe(before);
    expect(await get({ ...session.headers, "Zedops-Unattended": "false" })).toBe(200);
    expect(await lastUsed(session)).toBeGreaterThan(before ?? 0);
  });

  it("that is over admits no unattended request either", async () => {
    const session = await logIn();
    expect(await get({ ...session.headers, ...unattended })).toBe(200);
    await ageSession(session, 13 * HOUR_MS, 12 * HOUR_MS + 1_000);
    expect(await get({ ...session.headers, ...unattended })).toBe(401);
    expect(await get(unattended)).toBe(401);
  });

  it("ends 12 hours after its last use, and 7 days after its beginning", async () => {
    const session = await logIn();
    const end = (now: number) => sessionEnd(env.DB, session.idHash, now);
    const now = Date.now();
    const inHours = async () => Math.round((((await end(now)) ?? 0) - now) / HOUR_MS);
    expect(await inHours()).toBe(12);
    await ageSession(session, 5 * HOUR_MS, 2 * HOUR_MS);
    expect(await inHours()).toBe(10);
    await ageSession(session, 165 * HOUR_MS, 0);
    expect(await inHours()).toBe(3);
    const last = (await end(now)) ?? 0;
    expect([await end(last), await end(last + 1)]).toEqual([last, null]);
    expect(await sessionEnd(env.DB, "unknown", now)).toBeNull();
  });
});

describe("a log-out", () => {
  it("closes the feeds of its session within a second, and no other", async () => {
    const [mine, other] = [await logIn(), await logIn()];
    const [first, second, others, script] = [
      await TestViewer.open(mine.headers),
      await TestViewer.open(mine.headers),
      await TestViewer.open(other.headers),
      await TestViewer.open(PASSWORD),
    ];
    const before = performance.now();
    expect((await fetchManager("/api/session", { method: "DELETE", headers: mine.headers })).status).toBe(204);
    for (const viewer of [first, second])
      expect(await viewer.untilClosed()).toEqual({ code: 4401, reason: "session_over" });
    expect(performance.now() - before).toBeLessThan(1_000);
    expect([others.closed, script.closed]).toEqual([null, null]);
    expect((await fetchManager("/api/session", { method: "DELETE", headers: PASSWORD })).status).toBe(204);
    expect((await fetchManager("/api/sessions", { method: "DELETE", headers: PASSWORD })).status).toBe(204);
    expect(await others.untilClosed()).toEqual({ code: 4401, reason: "session_over" });
  });

  it("closes also a feed that was admitted before, and that reaches its hub after", async () => {
    const { headers } = await logIn();
    const logOut = async () => {
      expect((await fetchManager("/api/session", { method: "DELETE", headers })).status).toBe(204);
      await new Promise((resolve) => setTimeout(resolve, 100));
    };
    const late = {
      getByName: (name: string) => ({
        fetch: async (url: string, init: RequestInit) => {
          await logOut();
          return env.HUB.getByName(name).fetch(url, init);
        },
      }),
    };
    const { webSocket } = await withHubs(late, "/api/live?shard=0", { headers: { ...UPGRADE, ...headers } });
    if (webSocket === null) throw new Error("no socket");
    expect(await new TestViewer(webSocket).untilClosed()).toEqual({ code: 4401, reason: "session_over" });
  });

  it("with the password and without a session closes no feed", async () => {
    const ends = vi.fn();
    const hubs = { getByName: () => ({ endSessions: ends }) };
    expect((await withHubs(hubs, "/api/session", { method: "DELETE", headers: PASSWORD })).status).toBe(204);
    expect(ends).not.toHaveBeenCalled();
  });

  it("is done also where a hub fails", async () => {
    const { headers } = await logIn();
    expect((await withHubs(earlierHubs, "/api/session", { method: "DELETE", headers })).status).toBe(204);
    expect((await fetchManager("/api/agents", { headers })).status).toBe(401);
    expect((await withHubs(earlierHubs, "/api/sessions", { method: "DELETE", headers: PASSWORD })).status).toBe(204);
  });
});

async function found(id: string) {
  const record = await findAgent(env.DB, id);
  if (record === null) throw new Error("no such agent");
  return record;
}

const revisionOf = (id: string) =>
  env.DB.prepare("SELECT revision FROM agents WHERE id = ?").bind(id).first<number>("revision");

describe("a change of the registry is in the feed", () => {
  it("when an agent enrols, but not when it enrols again or connects", async () => {
    const viewer = await TestViewer.open();
    const token = await mintToken({ maxUses: 2 });
    const { agent } = await TestAgent.online({ token, installId: "enrols-twice" });
    const { revision, agent: shown } = await viewer.change(agent.id, "enrolled");
    expect(revision).toBe(0);
    expect(shown).toMatchObject({ id: agent.id, name: "edge-7", hostname: "edge-7", revision: 0, revokedAt: null });
    const { token: own } = await TestAgent.online({ token, installId: "enrols-twice" });
    await TestAgent.online({ token: own ?? "" });
    const { agent: last } = await TestAgent.online({ token, installId: "enrols-last" });
    await viewer.change(last.id, "enrolled");
    const changes = viewer.messages.filter(({ subject }) => subject === `registry.${agent.id}`);
    expect(changes.filter(({ data }) => Object(data).change === "enrolled")).toHaveLength(1);
  });

  it("when it is renamed, revoked and removed: as its row has it", async () => {
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, ({ status }) => status === "online");
    const viewer = await TestViewer.open();

    expect(await api("PATCH", `/api/agents/${agent.id}`, { name: "other" })).toMatchObject({
      body: { name: "other", revision: 1, status: "online" },
    });
    const renamed = await viewer.change(agent.id, "renamed");
    expect(renamed).toEqual({ change: "renamed", revision: 1, agent: recordedAgentJson(await found(agent.id)) });
    // No hub was asked. Offline would be newer than online for the clients.
    expect(renamed.agent).toMatchObject({ name: "other", status: "online", reason: null, rttMs: null });

    expect(await api("POST", `/api/agents/${agent.id}/revoke`)).toMatchObject({
      body: { revision: 2, revokedAt: expect.any(Number), status: "offline", reason: "revoked" },
    });
    const revoked = await viewer.change(agent.id, "revoked");
    expect(revoked).toMatchObject({ revision: 2, agent: { revision: 2, revokedAt: expect.any(Number) } });

    await stored(agent.id, ({ status }) => status === "offline");
    await api("POST", `/api/agents/${agent.id}/revoke`);
    expect(await revisionOf(agent.id)).toBe(2);
    await api("PATCH", `/api/agents/${agent.id}`, { name: "offline" });
    const listed = (await api("GET", "/api/agents")).body as { id: string }[];
    const offline = await viewer.next(({ data }) => (data as { revision?: number }).revision === 3);
    expect((offline.data as { agent: unknown }).agent).toEqual(listed.find(({ id }) => id === agent.id));

    expect((await api("DELETE", `/api/agents/${agent.id}`)).status).toBe(204);
    expect(await viewer.change(agent.id, "removed")).toEqual({ change: "removed", revision: 4, agent: null });
    expect((await api("DELETE", `/api/agents/${agent.id}`)).status).toBe(404);
    expect(await revisionOf(agent.id)).toBe(4);
  });

  it("and the presence follows it: the row does not have what the hub knows", async () => {
    const { agent, token } = await TestAgent.enrolled();
    agent.socket.close(1000, "stopped");
    await stored(agent.id, ({ reason }) => reason === "stopped");
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify({ rttMs: 5 }) };
    expect((await fetchManager("/api/agent/heartbeat", init)).status).toBe(200);
    await stored(agent.id, ({ status }) => status === "online");
    const viewer = await TestViewer.open();
    await api("PATCH", `/api/agents/${agent.id}`, { name: "other" });
    const presence = await viewer.next(({ subject }) => subject === `presence.${agent.id}`);
    expect(presence.data).toMatchObject({ status: "online", rttMs: 5 });
    const subjects = viewer.messages.map(({ subject }) => subject.split(".")[0]);
    expect(subjects).toEqual(["live", "registry", "presence"]);
  });

  it("when two hosts share an identity, and when they are separated", async () => {
    const viewer = await TestViewer.open();
    const { agent, token } = await TestAgent.enrolled();
    const { id } = agent;
    const from = async (host: string) =>
      (await TestAgent.online({ token, headers: { "Zedops-Boot-Id": `boot-of-${host}` } })).agent;
    await from("the-original");
    await from("the-copy");
    await from("the-original");
    const clone = await viewer.change(id, "clone");
    expect(clone).toMatchObject({ revision: 1, agent: { id, revision: 1, clone: { first: { hostname: "edge-7" } } } });
    expect(JSON.stringify(clone)).not.toContain("boot-of");

    expect((await api("POST", `/api/agents/${id}/separate`)).status).toBe(202);
    expect(await revisionOf(id)).toBe(1);
    const second = await from("the-copy");
    const offer = await second.next(({ subject }) => subject === "agent.rotate");
    second.send({ subject: offer.reply, data: {} });
    const separated = await viewer.change(id, "separated");
    expect(separated.revision).toBeGreaterThan(1);
    expect(separated.agent).toMatchObject({ id, clone: null });
    const enrolled = await viewer.next(({ data }) => {
      const { change, agent: other } = data as { change?: string; agent?: { name: string } };
      return change === "enrolled" && other?.name === "edge-7 (2)";
    });
    expect(enrolled.data).toMatchObject({ revision: 0, agent: { status: "offline", reason: "never_connected" } });
  });

  it("when the new agent of a separation is given up again", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const boot = crypto.randomUUID();
    const { agent: host } = await TestAgent.online({ token, headers: { "Zedops-Boot-Id": boot } });
    const viewer = await TestViewer.open();
    const separated = hub().separate(agent.id, boot);
    const offer = await host.next(({ subject }) => subject === "agent.rotate");
    const newest = env.DB.prepare("SELECT id FROM agents WHERE separated_from = ?").bind(agent.id);
    const id = (await newest.first<string>("id")) ?? "";
    host.send({ subject: offer.reply, error: { code: "not_saved", message: "the disk is full" } });
    expect(await separated).toMatchObject({ ok: false });
    expect(await viewer.change(id, "removed")).toMatchObject({ agent: null });
    expect(await revisionOf(agent.id)).toBe(0);
  });

  it("if the hub has a feed; the operator's request does not depend on it", async () => {
    const { agent } = await TestAgent.enrolled();
    const headers = { ...PASSWORD, "Content-Type": "application/json" };
    const init = { method: "PATCH", headers, body: JSON.stringify({ name: "renamed" }) };
    const response = await withHubs(earlierHubs, `/api/agents/${agent.id}`, init);
    expect([response.status, await response.json()]).toMatchObject([200, { name: "renamed" }]);
  });
});

describe("the revision of an agent", () => {
  let id: string;
  let token: string;
  beforeEach(async () => {
    const enrolled = await TestAgent.enrolled();
    id = enrolled.agent.id;
    token = enrolled.token;
  });

  it("is not raised by its connections, its beats or its token", async () => {
    const { agent } = await TestAgent.online({ token });
    await agent.request("agent.heartbeat", { rttMs: 5, skewMs: 1 });
    const rotated = api("POST", `/api/agents/${id}/rotate`);
    const offer = await agent.next(({ subject }) => subject === "agent.rotate");
    agent.send({ subject: offer.reply, data: {} });
    expect((await rotated).status).toBe(204);
    const { agent: again } = await TestAgent.online({ token: (offer.data as { token: string }).token });
    again.socket.close(1000, "stopped");
    await stored(id, ({ status, reason }) => status === "offline" && reason === "stopped");
    expect(await revisionOf(id)).toBe(0);
  });

  it("is in the API with the generation of the connection that it shows", async () => {
    await stored(id, ({ status }) => status === "online");
    const [live] = await hub().status(id);
    expect(await agentView(id)).toMatchObject({ generation: live?.generation, revision: 0, revokedAt: null });
    const listed = (await api("GET", "/api/agents")).body as { id: string }[];
    expect(listed.find((agent) => agent.id === id)).toEqual(agentJson(await found(id), live));
  });
});
