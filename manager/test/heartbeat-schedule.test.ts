/** The manager gives each agent a place in its hub's window, and corrects beats that have drifted out of it. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { parseState } from "../src/hub/connection-state.ts";
import { HeartbeatWindow } from "../src/hub/heartbeat-window.ts";
import { HEARTBEAT } from "../src/protocol/message.ts";
import { agentView, HOST, hub, mintToken, TestAgent } from "./manager.ts";
import { sweep } from "./time.ts";

const WINDOW = new HeartbeatWindow("hub-0", 30_000);

/** An agent that keeps the schedule, and the time that its first beat of it is due. */
async function aligned(): Promise<{ agent: TestAgent; dueAt: number }> {
  const agent = await TestAgent.open({ token: await mintToken() });
  const welcome = await agent.next(({ subject }) => subject === "agent.welcome");
  const { heartbeatDelayMs } = welcome.data as { heartbeatDelayMs: number };
  const { data } = await agent.request("agent.register", { ...HOST, alignsHeartbeat: true });
  agent.id = (data as { agentId: string }).agentId;
  return { agent, dueAt: (welcome.timestamp ?? 0) + heartbeatDelayMs };
}

/** Changes what the agent's socket carries, and has the hub loaded anew. */
async function change(agent: TestAgent, changes: object): Promise<void> {
  await runInDurableObject(hub(), (_, ctx) => {
    for (const socket of ctx.getWebSockets(agent.connection)) {
      socket.serializeAttachment({ ...parseState(socket.deserializeAttachment()), ...changes });
    }
  });
  await evictDurableObject(hub());
}

describe("the schedule", () => {
  it("has every agent beat in the window", async () => {
    for (let n = 0; n < 5; n++) {
      const { dueAt } = await aligned();
      const inWindow = dueAt - WINDOW.openedAt(dueAt);
      expect(inWindow).toBeGreaterThanOrEqual(0);
      expect(inWindow).toBeLessThan(5_050);
    }
  });

  it("is corrected when beats have drifted, once", async () => {
    const { agent } = await aligned();
    agent.sendText(HEARTBEAT);
    await agent.next(({ subject }) => subject === "agent.heartbeat.ack");
    // Whatever the time is: a beat that came just now is not in the window, unless by chance.
    const now = Date.now();
    const off = WINDOW.isOff(agent.id, now) && !WINDOW.has(now, now);
    await change(agent, { alignedFrom: 0 });
    await sweep();
    const corrections = () => agent.frames.filter(({ subject }) => subject === "agent.heartbeat.align");
    expect((await agent.request("test.echo", 1)).data).toBe(1);
    expect(corrections()).toHaveLength(off ? 1 : 0);
    for (const { data } of corrections()) {
      const at = Date.now() + (data as { delayMs: number }).delayMs;
      expect(at - WINDOW.openedAt(at)).toBeLessThan(6_000);
    }
    await sweep();
    await agent.request("test.echo", 2);
    expect(corrections()).toHaveLength(off ? 1 : 0);
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
  });

  it("is not sent to agents that do not keep it", async () => {
    const { agent } = await TestAgent.enrolled();
    agent.sendText(HEARTBEAT);
    await agent.next(({ subject }) => subject === "agent.heartbeat.ack");
    await change(agent, { alignedFrom: 0 });
    await sweep();
    await agent.request("test.echo", 1);
    expect(agent.frames.some(({ subject }) => subject === "agent.heartbeat.align")).toBe(false);
  });
});

it("an agent that keeps the schedule and falls silent is found by the sweep", async () => {
  const { agent } = await aligned();
  const long = Date.now() - 41_000;
  await change(agent, { connectedAt: long, lastMessageAt: long });
  await sweep();
  expect(await agent.untilClosed()).toEqual({ code: 4408, reason: "lease_expired" });
  await vi.waitUntil(async () => (await agentView(agent.id)).reason === "lease_expired", { timeout: 30_000 });
});
