import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { HubStore } from "../src/hub/store.ts";
import { HEARTBEAT } from "../src/protocol/message.ts";
import { writeTransitions } from "../src/registry/transitions.ts";
import { type AgentView, agentView, api, HOST, hub, mintToken, shown, stored, TestAgent, upgrade } from "./manager.ts";
import { hideRegistry, showRegistry } from "./registry.ts";
import { age, ageHttpLease, sweep } from "./time.ts";

const offline = (view: AgentView) => view.status === "offline";

describe("an agent's presence", () => {
  it("is online from its registration, in the API and in D1", async () => {
    const { agent } = await TestAgent.enrolled();
    expect(await agentView(agent.id)).toMatchObject({
      name: HOST.hostname,
      status: "online",
      reason: null,
      version: "1.0.0",
      os: "linux",
      arch: "amd64",
    });
    await stored(agent.id, (row) => row.status === "online");
  });

  it("is not yet online before that", async () => {
    const { agent, token } = await TestAgent.enrolled();
    agent.socket.close(1000, "stopped");
    await shown(agent.id, offline);
    await TestAgent.open({ token });
    expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "stopped" });
  });

  it.each([
    [1000, "stopped"],
    [1001, "lost"],
    [4999, "lost"],
  ])("ends with a close of %i as %s", async (code, reason) => {
    const { agent } = await TestAgent.enrolled();
    agent.socket.close(code, "");
    expect(await shown(agent.id, offline)).toMatchObject({ reason });
    await stored(agent.id, (row) => row.status === "offline" && row.reason === reason);
    await agent.untilClosed();
  });

  it.each([0, 1004, 1005, 5000, 65_535])("ends with a close of %i too, which no end may send", async (code) => {
    const { agent } = await TestAgent.enrolled();
    // No client library sends these, so the runtime's own report of one is what is made up here.
    await runInDurableObject(hub(), (instance, ctx) => {
      for (const socket of ctx.getWebSockets(agent.connection)) instance.webSocketClose(socket, code);
    });
    expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "lost" });
    expect(await agent.untilClosed()).toMatchObject({ code: 1000 });
  });

  it("survives hibernation: the socket, its answers, and the bare heartbeat", async () => {
    const { agent } = await TestAgent.enrolled();
    await evictDurableObject(hub());
    agent.sendText(HEARTBEAT);
    await agent.next((frame) => frame.subject === "agent.heartbeat.ack");
    expect((await agent.request("test.echo", 1)).data).toBe(1);
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    const request = api("POST", `/api/agents/${agent.id}/request`, { subject: "a.b" });
    const asked = await agent.next((frame) => frame.subject === "a.b");
    agent.send({ subject: asked.reply, data: "awake" });
    expect(await request).toEqual({ status: 200, body: { data: "awake" } });
  });

  it("counts a heartbeat that woke nobody as a sign of life", async () => {
    const { agent } = await TestAgent.enrolled();
    await age(agent, 60_000);
    agent.sendText(HEARTBEAT);
    await agent.next((frame) => frame.subject === "agent.heartbeat.ack");
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    await runDurableObjectAlarm(hub());
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    expect(agent.closed).toBeNull();
  });

  it("is late while a beat is missed, which counts as online and is nowhere stored", async () => {
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    await age(agent, 34_000);
    expect(await agentView(agent.id)).toMatchObject({ status: "online", reason: null });
    await age(agent, 1_000);
    expect(await agentView(agent.id)).toMatchObject({ status: "online", reason: "late" });
    expect((await api("GET", "/api/agents?status=online")).body).toContainEqual(
      expect.objectContaining({ id: agent.id, reason: "late" }),
    );
    await sweep();
    await stored(agent.id, (row) => row.status === "online" && row.reason === null);
    agent.sendText(HEARTBEAT);
    await agent.next((frame) => frame.subject === "agent.heartbeat.ack");
    expect(await agentView(agent.id)).toMatchObject({ status: "online", reason: null });
  });

  it("ends when its lease runs out: on read at once, in D1 with the sweep, which closes the socket", async () => {
    const { agent } = await TestAgent.enrolled();
    const { agent: lively } = await TestAgent.enrolled();
    await age(agent, 40_001);
    const { since, ...read } = await agentView(agent.id);
    expect(read).toMatchObject({ status: "offline", reason: "lease_expired" });
    await sweep();
    expect(await agent.untilClosed()).toEqual({ code: 4408, reason: "lease_expired" });
    // It went offline when its lease ended, whoever noticed and when.
    await stored(agent.id, (row) => row.reason === "lease_expired" && row.since === since);
    expect(await agentView(lively.id)).toMatchObject({ status: "online" });
  });

  it("stays as it was told since its lease ran out, when the socket breaks before the sweep", async () => {
    const { agent } = await TestAgent.enrolled();
    await age(agent, 45_000);
    const { since } = await agentView(agent.id);
    agent.socket.close(1001);
    await stored(agent.id, (row) => row.status === "offline" && row.reason === "lease_expired" && row.since === since);
  });

  it("sweeps away a connection that beats but never registers", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    await age(agent, 40_001);
    agent.sendText(HEARTBEAT);
    await agent.next((frame) => frame.subject === "agent.heartbeat.ack");
    await sweep();
    expect(await agent.untilClosed()).toEqual({ code: 4408, reason: "lease_expired" });
  });

  it("is recorded as lost when a rebuilt hub finds the socket gone", async () => {
    const { agent, token } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    await evictDurableObject(hub(), { webSockets: "close" });
    expect(await shown(agent.id, offline)).toMatchObject({ reason: expect.stringMatching(/lost|manager_restart/) });
    await stored(agent.id, (row) => row.status === "offline");
    const { agent: back } = await TestAgent.online({ token });
    expect(back.id).toBe(agent.id);
    await stored(agent.id, (row) => row.status === "online");
  });

  it("is spread over as long as all need who lost the hub, also for the first that is back", async () => {
    const token = await mintToken({ maxUses: 150 });
    const { agent, token: own } = await TestAgent.online({ token });
    for (let n = 1; n < 150; n++) await TestAgent.online({ token });
    await evictDurableObject(hub(), { webSockets: "close" });
    const { agent: back } = await TestAgent.online({ ...(own === undefined ? {} : { token: own }) });
    expect(back.id).toBe(agent.id);
    const { data } = await back.next(({ subject }) => subject === "agent.welcome");
    expect((data as { reconnectSpreadMs: number }).reconnectSpreadMs).toBeGreaterThanOrEqual(1500);
  });

  it("follows the newest connection, whatever the older one does late", async () => {
    const { agent: old, token } = await TestAgent.enrolled();
    const { agent: young } = await TestAgent.online({ token });
    expect(await old.untilClosed()).toEqual({ code: 4409, reason: "replaced" });
    old.socket.close(1000, "late");
    expect((await young.request("test.echo", 1)).data).toBe(1);
    expect(await agentView(young.id)).toMatchObject({ status: "online" });
    await stored(young.id, (row) => row.status === "online");
  });

  it("is not shown offline for good when it registers after a newer connection has come and gone", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const early = await TestAgent.open({ token });
    const { agent: newer } = await TestAgent.online({ token });
    newer.socket.close(1000, "stopped");
    await stored(agent.id, (row) => row.reason === "stopped");
    expect((await early.request("agent.register", HOST)).error).toBeUndefined();
    // D1 would never take it for the newest, so it is sent away at once, to come back as that.
    expect(await early.untilClosed()).toEqual({ code: 4503, reason: "going_away" });
    await TestAgent.online({ token });
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    await stored(agent.id, (row) => row.status === "online");
  });

  it("never goes back to an older generation in D1", async () => {
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    const [live] = await hub().status(agent.id);
    if (live === undefined) throw new Error("not live");
    const late = {
      ...live,
      generation: live.generation - 1,
      status: "offline",
      reason: "lost",
      closeCode: null,
    } as const;
    await writeTransitions(env.DB, "hub-0", [late]);
    await stored(agent.id, (row) => row.status === "online");
  });
});

describe("a registered agent", () => {
  it("that registers anew with a protocol nobody speaks is recorded as shut out", async () => {
    const { agent } = await TestAgent.enrolled();
    const reply = await agent.request("agent.register", { ...HOST, protocol: 2 });
    expect(reply.error?.code).toBe("unsupported_protocol");
    expect(await agent.untilClosed()).toEqual({ code: 4401, reason: "unauthorized" });
    await stored(agent.id, (row) => row.status === "offline" && row.reason === "policy");
  });

  it("may have a host name as long as DNS allows", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    const hostname = `${"h".repeat(63)}.`.repeat(4).slice(0, 253);
    const { data } = await agent.request("agent.register", { ...HOST, hostname });
    expect(data).toMatchObject({ name: hostname.slice(0, 64) });
    const { agentId } = data as { agentId: string };
    expect(await agentView(agentId)).toMatchObject({ status: "online", hostname });
  });

  it.each([
    ["too long", `${"h".repeat(253)}h`, "h".repeat(253)],
    ["empty", "", "unknown"],
    ["invisible", "\u200b\u3164", "unknown"],
    ["turning", "\u202eedge\u2028-7", "edge-7"],
  ])("is online whatever its host calls itself: %s", async (_, hostname, kept) => {
    const host = { ...HOST, hostname, version: "v".repeat(65), os: "", arch: "\u0007" };
    const agent = await TestAgent.open({ token: await mintToken() });
    const { data } = await agent.request("agent.register", host);
    const { agentId, token } = data as { agentId: string; token: string };
    const shown = { status: "online", hostname: kept, version: "v".repeat(64), os: "unknown", arch: "unknown" };
    expect(await agentView(agentId)).toMatchObject({ ...shown, name: kept.slice(0, 64) });
    // One that has enrolled before its host got that name comes back with it, too.
    const back = await TestAgent.open({ token });
    expect((await back.request("agent.register", host)).error).toBeUndefined();
    expect(await agentView(agentId)).toMatchObject(shown);
  });
});

describe("while D1 fails", () => {
  it("transitions wait in the hub, the API tells the truth after it, and connected agents notice nothing", async () => {
    const { agent: stopped } = await TestAgent.enrolled();
    const { agent: connected } = await TestAgent.enrolled();
    await stored(stopped.id, (row) => row.status === "online");
    await hideRegistry();
    try {
      stopped.socket.close(1000, "stopped");
      await vi.waitUntil(async () => (await hub().status(stopped.id))[0]?.reason === "stopped", { interval: 10 });
      expect((await connected.request("test.echo", 1)).data).toBe(1);
      expect((await upgrade({ token: "a.b.c" })).status).toBe(401);
      // Not even a hub that is rebuilt meanwhile forgets.
      await evictDurableObject(hub());
      expect((await hub().status(stopped.id))[0]).toMatchObject({ status: "offline", reason: "stopped" });
    } finally {
      await showRegistry();
    }
    await runDurableObjectAlarm(hub());
    await stored(stopped.id, (row) => row.reason === "stopped");
    expect(await hub().status(stopped.id)).toEqual([]);
  });

  it("an agent that asks after itself does not have the hub read all that waits", async () => {
    const { agent } = await TestAgent.enrolled();
    const read = vi.spyOn(HubStore.prototype, "unflushed");
    try {
      expect((await agent.request("agent.status")).data).toMatchObject({ status: "online" });
      expect(read.mock.calls.filter(([limit]) => limit === -1)).toEqual([]);
    } finally {
      read.mockRestore();
    }
  });

  it("the hub asks it now and then, not at every transition of many that come and go", async () => {
    const token = await mintToken({ maxUses: 20 });
    const agents: TestAgent[] = [];
    for (let n = 0; n < 20; n++) agents.push((await TestAgent.online({ token })).agent);
    for (const { id } of agents) await stored(id, (row) => row.status === "online");
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    const attempts = () => complaints.mock.calls.filter(([text]) => String(text).includes("flushing presence")).length;
    await hideRegistry();
    try {
      for (const agent of agents) {
        agent.socket.close(1000, "stopped");
        await vi.waitUntil(async () => (await hub().status(agent.id))[0]?.status === "offline", { interval: 5 });
        await vi.waitUntil(() => attempts() > 0, { timeout: 10_000, interval: 5 });
      }
      // At the alarm it may ask again.
      expect(attempts()).toBeLessThan(4);
    } finally {
      complaints.mockRestore();
      await showRegistry();
    }
    await runDurableObjectAlarm(hub());
    for (const { id } of agents) await stored(id, (row) => row.reason === "stopped");
    // And it trusts D1 again.
    const { agent: late } = await TestAgent.enrolled();
    await stored(late.id, (row) => row.status === "online");
  });
});

describe("over HTTP", () => {
  const post = (path: string, token: string, body: unknown) =>
    import("./manager.ts").then(({ fetchManager }) =>
      fetchManager(path, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${token}`,
          "Content-Type": "application/json",
          "Zedops-Install-Id": "http-only-host",
        },
        body: JSON.stringify(body),
      }),
    );

  it("an agent enrols, beats, and is online as long as its lease runs", async () => {
    const registered = await post("/api/agent/register", await mintToken(), HOST);
    expect(registered.status).toBe(200);
    const { agentId, token } = await registered.json<{ agentId: string; token: string }>();
    expect(await agentView(agentId)).toMatchObject({ status: "online" });

    const beat = await post("/api/agent/heartbeat", token, { rttMs: 5 });
    expect(await beat.json()).toEqual({ serverTime: expect.any(Number), leaseMs: 40_000 });
    await evictDurableObject(hub());
    expect(await agentView(agentId)).toMatchObject({ status: "online", rttMs: 5 });
    expect(await api("POST", `/api/agents/${agentId}/request`, { subject: "a.b" })).toMatchObject({ status: 503 });

    await ageHttpLease(agentId, 40_001);
    expect(await agentView(agentId)).toMatchObject({ status: "offline", reason: "lease_expired" });
    await sweep();
    await stored(agentId, (row) => row.reason === "lease_expired");

    expect((await post("/api/agent/heartbeat", token, {})).status).toBe(200);
    expect(await agentView(agentId)).toMatchObject({ status: "online" });
  });

  it("an enrolment token registers and does no more", async () => {
    const enrolment = await mintToken();
    for (const status of [409, 200, 409]) {
      const path = status === 200 ? "/api/agent/register" : "/api/agent/heartbeat";
      expect((await post(path, enrolment, status === 200 ? HOST : {})).status).toBe(status);
    }
  });

  it("a token is as good or bad as on a socket", async () => {
    const response = await post("/api/agent/heartbeat", "a.b.c", {});
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_token" } });
  });
});
