import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { agentView, api, refusal, TestAgent } from "./manager.ts";

let agent: TestAgent;
let token: string;
beforeEach(async () => {
  ({ agent, token } = await TestAgent.enrolled());
});

/** Starts a rotation. Returns the offer, and a promise of the operator's answer. */
async function offer(on = agent) {
  on.frames.length = 0;
  const answer = api("POST", `/api/agents/${on.id}/rotate`);
  const frame = await on.next((message) => message.subject === "agent.rotate");
  return { answer, inbox: frame.reply ?? "", candidate: (frame.data as { token: string }).token };
}

describe("a rotation", () => {
  it("makes the old token void when the agent is back with the new one, and not before", async () => {
    const { answer, inbox, candidate } = await offer();
    agent.send({ subject: inbox, data: {} });
    expect(await answer).toEqual({ status: 204, body: undefined });

    // The new token is stored but not used. After a crash the agent may use either token.
    const { agent: before } = await TestAgent.online({ token });
    expect(before.id).toBe(agent.id);
    const { agent: back } = await TestAgent.online({ token: candidate });
    expect(back.id).toBe(agent.id);
    expect(await before.untilClosed()).toEqual({ code: 4409, reason: "replaced" });
    expect(await refusal({ token })).toEqual([401, "invalid_token"]);
    expect((await TestAgent.online({ token: candidate })).agent.id).toBe(agent.id);
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
  });

  it("changes nothing if the agent could not store the token", async () => {
    const { answer, inbox } = await offer();
    agent.send({ subject: inbox, error: { code: "not_saved", message: "the disk is full" } });
    expect(await answer).toMatchObject({ status: 502, body: { error: { code: "not_saved" } } });
    expect((await TestAgent.online({ token })).agent.id).toBe(agent.id);
  });

  it("is completed by the agent even if its answer was lost", async () => {
    const { answer, candidate } = await offer();
    agent.socket.close(1001, "");
    expect(await answer).toMatchObject({ status: 502, body: { error: { code: "disconnected" } } });
    expect((await TestAgent.online({ token: candidate })).agent.id).toBe(agent.id);
    expect(await refusal({ token })).toEqual([401, "invalid_token"]);
  });

  it("replaces the offer of an earlier rotation", async () => {
    const first = await offer();
    agent.send({ subject: first.inbox, data: {} });
    await first.answer;
    const second = await offer();
    agent.send({ subject: second.inbox, data: {} });
    await second.answer;
    expect(await refusal({ token: first.candidate })).toEqual([401, "invalid_token"]);
    expect((await TestAgent.online({ token })).agent.id).toBe(agent.id);
    expect((await TestAgent.online({ token: second.candidate })).agent.id).toBe(agent.id);
    expect(await refusal({ token })).toEqual([401, "invalid_token"]);
  });

  it("is refused if its offer is replaced between upgrade and registration, and the old token stays good", async () => {
    const first = await offer();
    agent.send({ subject: first.inbox, data: {} });
    await first.answer;
    const between = await TestAgent.open({ token: first.candidate });
    const second = await offer();
    agent.send({ subject: second.inbox, data: {} });
    await second.answer;
    const host = { protocol: 1, version: "1", os: "linux", arch: "amd64", hostname: "h" };
    expect((await between.request("agent.register", host)).error?.code).toBe("invalid_token");
    expect((await TestAgent.online({ token })).agent.id).toBe(agent.id);
  });

  it("closes unregistered sockets that were opened with the old token", async () => {
    const { answer, inbox, candidate } = await offer();
    agent.send({ subject: inbox, data: {} });
    await answer;
    const back = await TestAgent.open({ token: candidate });
    const thief = await TestAgent.open({ token });
    const host = { protocol: 1, version: "1", os: "linux", arch: "amd64", hostname: "h" };
    expect((await back.request("agent.register", host)).error).toBeUndefined();
    expect((await thief.untilClosed()).code).toBe(4503);
    expect((await back.request("test.echo", 1)).data).toBe(1);
  });

  it("needs a connected and existing agent", async () => {
    agent.socket.close(1000, "stopped");
    await agent.untilClosed();
    expect(await api("POST", `/api/agents/${agent.id}/rotate`)).toMatchObject({
      status: 503,
      body: { error: { code: "no_responders" } },
    });
    const row = await env.DB.prepare("SELECT candidate_hash FROM agents WHERE id = ?").bind(agent.id).first();
    expect(row).toEqual({ candidate_hash: null });
    expect((await api("POST", "/api/agents/nobody/rotate")).status).toBe(404);
    await api("POST", `/api/agents/${agent.id}/revoke`);
    expect((await api("POST", `/api/agents/${agent.id}/rotate`)).status).toBe(404);
  });

  it("is in the audit trail, without the token", async () => {
    const { answer, inbox, candidate } = await offer();
    agent.send({ subject: inbox, data: {} });
    await answer;
    const { body } = await api("GET", "/api/audit?limit=1");
    expect(body).toMatchObject([{ action: "agent.rotate", target: agent.id }]);
    expect(JSON.stringify(body)).not.toContain(candidate);
  });

  it("cannot be imitated with an operator's request", async () => {
    const forged = await api("POST", `/api/agents/${agent.id}/request`, {
      subject: "agent.rotate",
      data: { token: "x" },
    });
    expect(forged).toMatchObject({ status: 403, body: { error: { code: "forbidden" } } });
  });
});
