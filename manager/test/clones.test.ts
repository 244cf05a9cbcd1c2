import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { api, HOST, hub, mintToken, refusal, TestAgent } from "./manager.ts";
import { SOON } from "./soon.ts";

interface CloneView {
  first: { address: string; hostname: string };
  second: { address: string; hostname: string };
}

let token: string;
let id: string;
beforeEach(async () => {
  const enrolled = await TestAgent.enrolled();
  token = enrolled.token;
  id = enrolled.agent.id;
});

/** Connects as one of the hosts with the same token. */
async function from(host: string, address: string): Promise<TestAgent> {
  const headers = { "Zedops-Boot-Id": `boot-of-${host}`, "CF-Connecting-IP": address };
  return (await TestAgent.online({ token, headers })).agent;
}

const original = () => from("the-original", "198.51.100.1");
const copy = () => from("the-copy", "198.51.100.2");

async function clone(): Promise<CloneView | null> {
  const { body } = await api("GET", `/api/agents/${id}`);
  return (body as { clone: CloneView | null }).clone;
}

/** The two hosts replace each other until the clone is detected. The original host is connected at the end. */
async function detectedClone(): Promise<TestAgent> {
  await original();
  await copy();
  const last = await original();
  await vi.waitUntil(async () => (await clone()) !== null, SOON);
  return last;
}

/** Accepts an offered token and returns it. */
async function acceptOffer(agent: TestAgent): Promise<string> {
  const offer = await agent.next((frame) => frame.subject === "agent.rotate");
  agent.send({ subject: offer.reply, data: {} });
  return (offer.data as { token: string }).token;
}

describe("a takeover", () => {
  it("is not a clone: neither a host that reconnects nor an agent that restarts, even many times", async () => {
    await original();
    await original();
    await from("after-a-restart", "198.51.100.1");
    await from("after-another", "198.51.100.1");
    await from("after-a-third", "198.51.100.9");
    expect(await clone()).toBeNull();
  });
});

describe("a clone", () => {
  it("is detected when a replaced host comes back, and shown with both addresses", async () => {
    const first = await original();
    await copy();
    expect(await first.untilClosed()).toEqual({ code: 4409, reason: "replaced" });
    expect(await clone()).toBeNull();
    await evictDurableObject(hub());
    await original();
    await vi.waitUntil(async () => (await clone()) !== null, SOON);
    expect(await clone()).toMatchObject({
      first: { address: "198.51.100.1", hostname: "edge-7" },
      second: { address: "198.51.100.2" },
    });
  });

  it("is separated when its second host is back, without another use of the enrolment", async () => {
    await detectedClone();
    expect(await api("POST", `/api/agents/${id}/separate`)).toEqual({ status: 202, body: { agentId: null } });
    const second = await copy();
    const own = await acceptOffer(second);
    await vi.waitUntil(async () => (await clone()) === null, SOON);
    const { agent: separated } = await TestAgent.online({ token: own });
    expect(separated.id).not.toBe(id);
    expect((await api("GET", `/api/agents/${separated.id}`)).body).toMatchObject({
      name: "edge-7 (2)",
      status: "online",
    });
    const first = await original();
    expect(first.id).toBe(id);
    expect((await separated.request("test.echo", 1)).data).toBe(1);
    const { body } = await api("GET", "/api/admin/tokens");
    const uses = (body as { uses: number; agents: { id: string }[] }[]).find(({ agents }) =>
      agents.some((agent) => agent.id === id),
    )?.uses;
    expect(uses).toBe(1);
  });

  it("is separated at once if its second host is connected", async () => {
    await detectedClone();
    const second = await copy();
    const answer = api("POST", `/api/agents/${id}/separate`);
    const own = await acceptOffer(second);
    const { status, body } = await answer;
    expect(status).toBe(200);
    expect((await TestAgent.online({ token: own })).agent.id).toBe((body as { agentId: string }).agentId);
  });

  it("whose second host could not store the token stays ordered, and no new agent is left", async () => {
    await detectedClone();
    const second = await copy();
    const answer = api("POST", `/api/agents/${id}/separate`);
    const offer = await second.next((frame) => frame.subject === "agent.rotate");
    second.send({ subject: offer.reply, error: { code: "not_saved", message: "the disk is full" } });
    expect(await answer).toMatchObject({ status: 502, body: { error: { code: "not_saved" } } });
    const { token: lost } = offer.data as { token: string };
    expect(await refusal({ token: lost })).toEqual([401, "invalid_token"]);
    const again = await copy();
    expect((await TestAgent.online({ token: await acceptOffer(again) })).agent.id).not.toBe(id);
  });

  it("is not separated if the agent was revoked meanwhile", async () => {
    await detectedClone();
    const second = await copy();
    // The registry has the revocation, but the hub does not know of it yet.
    await env.DB.prepare("UPDATE agents SET revoked_at = 1 WHERE id = ?").bind(id).run();
    const separated = await hub().separate(id, "boot-of-the-copy");
    expect(separated).toMatchObject({ ok: false, error: { code: "disconnected" } });
    expect(second.frames.some((frame) => frame.subject === "agent.rotate")).toBe(false);
    expect(await api("POST", `/api/agents/${id}/separate`)).toMatchObject({ status: 409 });
  });

  it("whose new identity is deleted before its registration is refused, and its host keeps the old one", async () => {
    await detectedClone();
    const second = await copy();
    const answer = api("POST", `/api/agents/${id}/separate`);
    const offer = await second.next((frame) => frame.subject === "agent.rotate");
    const between = await TestAgent.open({ token: (offer.data as { token: string }).token });
    second.socket.close(1001, "");
    expect(await answer).toMatchObject({ status: 502, body: { error: { code: "disconnected" } } });
    expect((await between.request("agent.register", HOST)).error?.code).toBe("invalid_token");
    expect((await copy()).id).toBe(id);
  });

  it("whose second host has registered keeps the new identity even if the answer to the offer was lost", async () => {
    await detectedClone();
    const second = await copy();
    const answer = api("POST", `/api/agents/${id}/separate`);
    const offer = await second.next((frame) => frame.subject === "agent.rotate");
    const { token: own } = offer.data as { token: string };
    const { agent: separated } = await TestAgent.online({ token: own });
    second.socket.close(1001, "");
    expect(await answer).toEqual({ status: 200, body: { agentId: separated.id } });
    expect((await TestAgent.online({ token: own })).agent.id).toBe(separated.id);
    expect(await clone()).toBeNull();
  });

  it("that was separated and removed cannot become the first agent by a repeated enrolment", async () => {
    const enrolment = await mintToken({ maxUses: 5 });
    const installId = "copied-with-the-disk";
    const enrolled = await TestAgent.online({ token: enrolment, installId });
    token = enrolled.token ?? "";
    id = enrolled.agent.id;
    await detectedClone();
    const second = await copy();
    const answer = api("POST", `/api/agents/${id}/separate`);
    // This connection was admitted before the separation and has not registered yet.
    const waiting = await TestAgent.open({ token: enrolment, installId });
    await TestAgent.online({ token: await acceptOffer(second) });
    const { agentId } = (await answer).body as { agentId: string };
    expect((await api("DELETE", `/api/agents/${agentId}`)).status).toBe(204);

    expect(await refusal({ token: enrolment, installId })).toEqual([403, "enrolment_used"]);
    expect((await waiting.request("agent.register", HOST)).error?.code).toBe("enrolment_used");
    expect((await original()).id).toBe(id);
  });

  it("gets one identity from several orders at once", async () => {
    await detectedClone();
    const second = await copy();
    const first = api("POST", `/api/agents/${id}/separate`);
    const offer = await second.next((frame) => frame.subject === "agent.rotate");
    expect(await api("POST", `/api/agents/${id}/separate`)).toEqual({ status: 202, body: { agentId: null } });
    second.send({ subject: offer.reply, data: {} });
    expect((await first).status).toBe(200);
    const { results } = await env.DB.prepare("SELECT id FROM agents WHERE separated_from = ?").bind(id).all();
    expect(results).toHaveLength(1);
  });

  it("has its separation in the audit trail, but not a refused order", async () => {
    await api("POST", `/api/agents/${id}/separate`);
    await detectedClone();
    expect((await api("POST", `/api/agents/${id}/separate`)).status).toBe(202);
    const { body } = await api("GET", "/api/audit?limit=1000");
    const entries = (body as { action: string; target: string }[]).filter(({ target }) => target === id);
    expect(entries.map(({ action }) => action)).toEqual(["agent.separate"]);
  });

  it("can be separated only if it was detected", async () => {
    expect(await api("POST", `/api/agents/${id}/separate`)).toMatchObject({
      status: 409,
      body: { error: { code: "no_clone" } },
    });
    expect((await api("POST", "/api/agents/nobody/separate")).status).toBe(404);
  });
});
