import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { HubStore } from "../src/hub/store.ts";
import { HEARTBEAT } from "../src/protocol/message.ts";
import { writeTransitions } from "../src/registry/transitions.ts";
import { type AgentView, agentView, api, HOST, hub, mintToken, shown, stored, TestAgent, upgrade } from "./manager.ts";
import { hideRegistry, showRegistry } from "./registry.ts";
import { SOON } from "./soon.ts";
import { age, ageHttpLease, ageStored, sweep } from "./time.ts";

const offline = (view: AgentView) => view.status === "offline";

/** A hub that was restarted while an agent of it was connected for a while. Its alarm is set to `alarmAt`. */
async function restarted(alarmAt: number): Promise<TestAgent> {
  const { agent } = await TestAgent.enrolled();
  await stored(agent.id, ({ status }) => status === "online");
  await ageStored(agent, 600_000);
  await runInDurableObject(hub(), (_, ctx) => ctx.storage.setAlarm(alarmAt));
  await evictDurableObject(hub(), { webSockets: "close" });
  return agent;
}

describe("the end of a connection that a restart has cut off is dated to the last sweep", () => {
  // While agents beat, a sweep sets the alarm one interval ahead.
  const sweptAt = (alarmAt: number) => alarmAt - 30_000;

  it("if a call loads the hub before its alarm rings", async () => {
    const alarmAt = Date.now() + 20_000;
    const agent = await restarted(alarmAt);
    await hub().status(agent.id);
    const row = await stored(agent.id, ({ status }) => status === "offline");
    expect(row).toMatchObject({ reason: "manager_restart", since: sweptAt(alarmAt) });
  });

  it("if the alarm loads the hub", async () => {
    const alarmAt = Date.now() + 1_000;
    const agent = await restarted(alarmAt);
    const row = await stored(agent.id, ({ status }) => status === "offline");
    expect(row).toMatchObject({ reason: "manager_restart", since: sweptAt(alarmAt) });
  });
});

describe("an agent's presence", () => {
  it("is online after its registration, in the API and in D1", async () => {
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

  it("is not online before its registration", async () => {
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
  ])("after a close with %i is offline with the reason %s", async (code, reason) => {
    const { agent } = await TestAgent.enrolled();
    agent.socket.close(code, "");
    expect(await shown(agent.id, offline)).toMatchObject({ reason });
    await stored(agent.id, (row) => row.status === "offline" && row.reason === reason);
    await agent.untilClosed();
  });

  it.each([0, 1004, 1005, 5000, 65_535])("also ends with the close code %i, which must not be sent", async (code) => {
    const { agent } = await TestAgent.enrolled();
    // No client library sends these codes, so the test calls the close handler as the runtime would.
    await runInDurableObject(hub(), (instance, ctx) => {
      for (const socket of ctx.getWebSockets(agent.connection)) instance.webSocketClose(socket, code);
    });
    expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "lost" });
    expect(await agent.untilClosed()).toMatchObject({ code: 1000 });
  });

  it("survives hibernation: the socket stays, and messages and bare heartbeats are answered", async () => {
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

  it("counts a bare heartbeat, which the runtime answers, as a sign of life", async () => {
    const { agent } = await TestAgent.enrolled();
    await age(agent, 60_000);
    agent.sendText(HEARTBEAT);
    await agent.next((frame) => frame.subject === "agent.heartbeat.ack");
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    await runDurableObjectAlarm(hub());
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    expect(agent.closed).toBeNull();
  });

  it("is late after a missed beat: this counts as online and is never stored", async () => {
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

  it("ends with its lease: the API shows it at once; the sweep writes it to D1 and closes the socket", async () => {
    const { agent } = await TestAgent.enrolled();
    const { agent: lively } = await TestAgent.enrolled();
    await age(agent, 40_001);
    const { since, ...read } = await agentView(agent.id);
    expect(read).toMatchObject({ status: "offline", reason: "lease_expired" });
    await sweep();
    expect(await agent.untilClosed()).toEqual({ code: 4408, reason: "lease_expired" });
    // It went offline when its lease ended, even if that was noticed later.
    await stored(agent.id, (row) => row.reason === "lease_expired" && row.since === since);
    expect(await agentView(lively.id)).toMatchObject({ status: "online" });
  });

  it("stays lease_expired if the socket breaks after the end of the lease and before the sweep", async () => {
    const { agent } = await TestAgent.enrolled();
    await age(agent, 45_000);
    const { since } = await agentView(agent.id);
    agent.socket.close(1001);
    await stored(agent.id, (row) => row.status === "offline" && row.reason === "lease_expired" && row.since === since);
  });

  it("does not begin with a connection that beats but never registers: it is closed", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    agent.sendText(HEARTBEAT);
    await agent.next((frame) => frame.subject === "agent.heartbeat.ack");
    await age(agent, 40_001);
    await hub().status();
    expect(await agent.untilClosed()).toEqual({ code: 4408, reason: "lease_expired" });
  });

  it("is recorded as offline when a restarted hub finds no socket", async () => {
    const { agent, token } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    await evictDurableObject(hub(), { webSockets: "close" });
    expect(await shown(agent.id, offline)).toMatchObject({ reason: expect.stringMatching(/lost|manager_restart/) });
    await stored(agent.id, (row) => row.status === "offline");
    const { agent: back } = await TestAgent.online({ token });
    expect(back.id).toBe(agent.id);
    await stored(agent.id, (row) => row.status === "online");
  });

  it("has a spread for all agents that lost the hub, even for the first agent that is back", async () => {
    const token = await mintToken({ maxUses: 150 });
    const { agent, token: own } = await TestAgent.online({ token });
    for (let n = 1; n < 150; n++) await TestAgent.online({ token });
    await evictDurableObject(hub(), { webSockets: "close" });
    const { agent: back } = await TestAgent.online({ ...(own === undefined ? {} : { token: own }) });
    expect(back.id).toBe(agent.id);
    const { data } = await back.next(({ subject }) => subject === "agent.welcome");
    expect((data as { reconnectSpreadMs: number }).reconnectSpreadMs).toBeGreaterThanOrEqual(1500);
  });

  it("follows the newest connection; late events of the older one change nothing", async () => {
    const { agent: old, token } = await TestAgent.enrolled();
    const { agent: young } = await TestAgent.online({ token });
    expect(await old.untilClosed()).toEqual({ code: 4409, reason: "replaced" });
    old.socket.close(1000, "late");
    expect((await young.request("test.echo", 1)).data).toBe(1);
    expect(await agentView(young.id)).toMatchObject({ status: "online" });
    await stored(young.id, (row) => row.status === "online");
  });

  it("is not stuck offline if it registers after a newer connection has come and ended", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const early = await TestAgent.open({ token });
    const { agent: newer } = await TestAgent.online({ token });
    newer.socket.close(1000, "stopped");
    await stored(agent.id, (row) => row.reason === "stopped");
    expect((await early.request("agent.register", HOST)).error).toBeUndefined();
    // D1 would never show this connection, because its generation is older. So the hub closes it, and the agent
    // reconnects.
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
  it("that registers again with an unknown protocol is closed, and its end is recorded", async () => {
    const { agent } = await TestAgent.enrolled();
    const reply = await agent.request("agent.register", { ...HOST, protocol: 2 });
    expect(reply.error?.code).toBe("unsupported_protocol");
    expect(await agent.untilClosed()).toEqual({ code: 4401, reason: "unauthorized" });
    await stored(agent.id, (row) => row.status === "offline" && row.reason === "policy");
  });

  it("may have the longest hostname that DNS allows", async () => {
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
  ])("can register with any hostname: %s", async (_, hostname, kept) => {
    const host = { ...HOST, hostname, version: "v".repeat(65), os: "", arch: "\u0007" };
    const agent = await TestAgent.open({ token: await mintToken() });
    const { data } = await agent.request("agent.register", host);
    const { agentId, token } = data as { agentId: string; token: string };
    const shown = { status: "online", hostname: kept, version: "v".repeat(64), os: "unknown", arch: "unknown" };
    expect(await agentView(agentId)).toMatchObject({ ...shown, name: kept.slice(0, 64) });
    // An agent that enrolled before its host got this name can reconnect with it too.
    const back = await TestAgent.open({ token });
    expect((await back.request("agent.register", host)).error).toBeUndefined();
    expect(await agentView(agentId)).toMatchObject(shown);
  });
});

describe("while D1 fails", () => {
  it("transitions wait in the hub and reach D1 afterwards, and connected agents notice nothing", async () => {
    const { agent: stopped } = await TestAgent.enrolled();
    const { agent: connected } = await TestAgent.enrolled();
    await stored(stopped.id, (row) => row.status === "online");
    await hideRegistry();
    try {
      stopped.socket.close(1000, "stopped");
      await vi.waitUntil(async () => (await hub().status(stopped.id))[0]?.reason === "stopped", SOON);
      expect((await connected.request("test.echo", 1)).data).toBe(1);
      expect((await upgrade({ token: "a.b.c" })).status).toBe(401);
      // The transitions survive a restart of the hub too.
      await evictDurableObject(hub());
      expect((await hub().status(stopped.id))[0]).toMatchObject({ status: "offline", reason: "stopped" });
    } finally {
      await showRegistry();
    }
    await runDurableObjectAlarm(hub());
    await stored(stopped.id, (row) => row.reason === "stopped");
    expect(await hub().status(stopped.id)).toEqual([]);
  });

  it("agent.status does not make the hub read the whole outbox", async () => {
    const { agent } = await TestAgent.enrolled();
    const read = vi.spyOn(HubStore.prototype, "unflushed");
    try {
      expect((await agent.request("agent.status")).data).toMatchObject({ status: "online" });
      expect(read.mock.calls.filter(([limit]) => limit === -1)).toEqual([]);
    } finally {
      read.mockRestore();
    }
  });

  it("the hub retries at its alarm, not at every transition", async () => {
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
        await vi.waitUntil(async () => (await hub().status(agent.id))[0]?.status === "offline", SOON);
        await vi.waitUntil(() => attempts() > 0, { timeout: 30_000, interval: 5 });
      }
      // At the alarm it tries again.
      expect(attempts()).toBeLessThan(4);
    } finally {
      complaints.mockRestore();
      await showRegistry();
    }
    await runDurableObjectAlarm(hub());
    for (const { id } of agents) await stored(id, (row) => row.reason === "stopped");
    // After a success it writes each transition at once again.
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

  it("an agent can enrol and beat, and it is online until its lease ends", async () => {
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

  it("an enrolment token is accepted for a registration only", async () => {
    const enrolment = await mintToken();
    for (const status of [409, 200, 409]) {
      const path = status === 200 ? "/api/agent/register" : "/api/agent/heartbeat";
      expect((await post(path, enrolment, status === 200 ? HOST : {})).status).toBe(status);
    }
  });

  it("tokens are accepted and refused as for a socket", async () => {
    const response = await post("/api/agent/heartbeat", "a.b.c", {});
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_token" } });
  });
});
