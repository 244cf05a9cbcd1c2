import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { CREDIT_WINDOW } from "../../src/hub/credit.ts";
import { hubName } from "../../src/hub/placement.ts";
import { api, mintToken, TestAgent } from "../manager.ts";

const SUBSCRIBERS = 500;
const MESSAGES = CREDIT_WINDOW.frames + 44;

it("a fan-out to 500 subscribers on 4 hubs reaches all except one that does not acknowledge", {
  timeout: 120_000,
}, async () => {
  const token = await mintToken({ maxUses: SUBSCRIBERS });
  const agents: TestAgent[] = [];
  const received = new Map<TestAgent, number[]>();
  for (let n = 0; n < SUBSCRIBERS; n++) {
    const { agent } = await TestAgent.online({ token, installId: `subscriber-${n}` });
    await agent.request("agent.subscribe", { patterns: ["fleet.>"] });
    agents.push(agent);
  }
  const perHub = Map.groupBy(agents, (agent) => hubName(agent.id, 4));
  expect([...perHub.keys()].toSorted()).toEqual(["hub-0", "hub-1", "hub-2", "hub-3"]);
  for (const [name, held] of perHub) expect((await env.HUB.getByName(name).status()).length).toBe(held.length);

  const [stalled, ...lively] = agents;
  if (stalled === undefined) throw new Error("no agents");
  for (const agent of lively) {
    const numbers: number[] = [];
    let bytes = 0;
    received.set(agent, numbers);
    agent.socket.addEventListener("message", (event) => {
      const text = String(event.data);
      const { subject, data } = JSON.parse(text);
      if (subject !== "fleet.tick") return;
      bytes += text.length;
      if (numbers.push(data) % 64 === 0)
        agent.send({ subject: "agent.credit", data: { frames: numbers.length, bytes } });
    });
  }

  const total = { delivered: 0, dropped: 0 };
  for (let n = 0; n < MESSAGES; n++) {
    const { body } = await api("POST", "/api/publish", { subject: "fleet.tick", data: n });
    const { delivered, dropped } = body as { delivered: number; dropped: number };
    expect(delivered + dropped).toBe(SUBSCRIBERS);
    total.delivered += delivered;
    total.dropped += dropped;
  }
  expect(total).toEqual({ delivered: SUBSCRIBERS * MESSAGES - 44, dropped: 44 });
  const inOrder = Array.from({ length: MESSAGES }, (_, n) => n);
  for (const agent of lively) {
    await vi.waitUntil(() => received.get(agent)?.length === MESSAGES, { timeout: 30_000, interval: 10 });
    expect(received.get(agent)).toEqual(inOrder);
  }
  const path = (agent: TestAgent) => `/api/agents/${agent.id}/subscriptions`;
  expect((await api("GET", path(stalled))).body).toMatchObject({ delivered: CREDIT_WINDOW.frames, dropped: 44 });
  expect((await api("GET", "/api/agents")).body).toHaveLength(SUBSCRIBERS);
});
