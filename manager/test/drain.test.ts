import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { agentView, api, hub, shown, TestAgent } from "./manager.ts";

const drain = (order: object) => api("POST", "/api/admin/drain", order);

describe("POST /api/admin/drain", () => {
  it("closes every socket, and gives the agents evenly spread delays, starting with delayMs", async () => {
    const agents: TestAgent[] = [];
    for (let n = 0; n < 4; n++) agents.push((await TestAgent.enrolled()).agent);
    expect(await drain({ delayMs: 5000 })).toEqual({ status: 200, body: { drained: 4 } });
    const delays: number[] = [];
    for (const agent of agents) {
      expect(await agent.untilClosed()).toEqual({ code: 4503, reason: "going_away" });
      const order = await agent.next((frame) => frame.subject === "agent.reconnect");
      delays.push((order.data as { delayMs: number }).delayMs);
      expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "manager_restart" });
    }
    expect(delays).toEqual([5000, 5250, 5500, 5750]);
    const { body } = await api("GET", "/api/audit?limit=1");
    expect(body).toMatchObject([{ action: "hub.drain", target: null, detail: { delayMs: 5000 } }]);
  });

  it("empties one hub, even if it hibernates, and agents that come back stay", async () => {
    const { agent, token } = await TestAgent.enrolled();
    await evictDurableObject(hub());
    expect(await drain({ shard: 0 })).toEqual({ status: 200, body: { drained: 1 } });
    await agent.untilClosed();
    const { agent: back } = await TestAgent.online({ token });
    await shown(back.id, (view) => view.status === "online");
    expect((await back.request("test.echo", 1)).data).toBe(1);
  });

  it.each([
    [{ delayMs: -1 }, 400, "invalid_request"],
    [{ delayMs: 600_001 }, 400, "invalid_request"],
    [{ delay: 1 }, 400, "invalid_request"],
    [{ shard: 1 }, 404, "unknown_shard"],
  ])("refuses %j", async (order, status, code) => {
    expect(await drain(order)).toMatchObject({ status, body: { error: { code } } });
  });
});
