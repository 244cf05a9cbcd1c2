/** After a change of HUB_SHARDS, the new Worker finds agents whose sockets are still in an earlier hub. */
import { createExecutionContext, runDurableObjectAlarm, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { hubName } from "../src/hub/placement.ts";
import worker from "../src/index.ts";
import { BASIC, mintToken, ORIGIN, stored, TestAgent } from "./manager.ts";

/** Runs a Worker with more hubs. The earlier hub sleeps and does not know of the change. */
const RESHARDED = { ...env, HUB_SHARDS: "4" };

async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const ctx = createExecutionContext();
  const init = {
    method,
    headers: { Authorization: BASIC, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const response = await worker.fetch(new Request(`${ORIGIN}${path}`, init), RESHARDED, ctx);
  await waitOnExecutionContext(ctx);
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

/** An agent whose socket is in the earlier hub and that now belongs to another hub. */
async function movedAgent(): Promise<TestAgent> {
  for (;;) {
    const { agent } = await TestAgent.online({ token: await mintToken() });
    await stored(agent.id, ({ status }) => status === "online");
    if (hubName(agent.id, 4) !== "hub-0") return agent;
  }
}

describe("an agent whose socket is in an earlier hub", () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await movedAgent();
    agent.socket.addEventListener("message", (event) => {
      const { subject, reply, data } = JSON.parse(String(event.data));
      if (subject === "a.b") agent.send({ subject: reply, data });
    });
  });

  it("is shown as online, alone and in the list", async () => {
    expect((await api("GET", `/api/agents/${agent.id}`)).body).toMatchObject({ status: "online" });
    const { body } = await api("GET", "/api/agents?status=online");
    expect(body).toContainEqual(expect.objectContaining({ id: agent.id, status: "online" }));
  });

  it("answers requests", async () => {
    const answer = await api("POST", `/api/agents/${agent.id}/request`, { subject: "a.b", data: [1] });
    expect(answer).toEqual({ status: 200, body: { data: [1] } });
  });

  it("gets published messages, and its subscriptions are shown", async () => {
    await agent.request("agent.subscribe", { patterns: ["fleet.>"] });
    expect(await api("POST", "/api/publish", { subject: "fleet.x" })).toMatchObject({ body: { delivered: 1 } });
    const { body } = await api("GET", `/api/agents/${agent.id}/subscriptions`);
    expect(body).toMatchObject({ patterns: ["fleet.>"], delivered: 1 });
  });

  it("gets the offer of a new token", async () => {
    const rotated = api("POST", `/api/agents/${agent.id}/rotate`);
    const offer = await agent.next(({ subject }) => subject === "agent.rotate");
    agent.send({ subject: offer.reply, data: {} });
    expect((await rotated).status).toBe(204);
  });

  it("is disconnected when it is revoked", async () => {
    const revoked = await movedAgent();
    expect((await api("POST", `/api/agents/${revoked.id}/revoke`)).status).toBe(200);
    expect(await revoked.untilClosed()).toMatchObject({ code: 4403 });
    const removed = await movedAgent();
    expect((await api("DELETE", `/api/agents/${removed.id}`)).status).toBe(204);
    expect(await removed.untilClosed()).toMatchObject({ code: 4403 });
  });

  it("is drained with the others", async () => {
    const drained = await movedAgent();
    expect((await api("POST", "/api/admin/drain", {})).status).toBe(200);
    expect(await drained.untilClosed()).toMatchObject({ code: 4503 });
  });
});

it("a row that an older release has written since names no hub any more", async () => {
  const agent = await movedAgent();
  const hubOf = () =>
    env.DB.prepare("SELECT iif(hub_generation = generation, hub, NULL) AS hub FROM agents WHERE id = ?")
      .bind(agent.id)
      .first("hub");
  expect(await hubOf()).toBe("hub-0");
  await env.DB.prepare("UPDATE agents SET generation = generation + 1 WHERE id = ?").bind(agent.id).run();
  expect(await hubOf()).toBeNull();
});

it("a hub of before without connections is forgotten", async () => {
  const earlier = env.HUB.getByName("hub-7");
  await env.DB.prepare("INSERT INTO hubs (name, parked) VALUES ('hub-7', 0)").run();
  const known = () => env.DB.prepare("SELECT name FROM hubs WHERE name = 'hub-7'").first("name");
  expect(await earlier.status()).toEqual([]);
  expect(await known()).toBe("hub-7");
  expect(await runDurableObjectAlarm(earlier)).toBe(true);
  expect(await known()).toBeNull();
  // Its parked transitions are for people: as long as there are some, it is asked for them.
  await env.DB.prepare("INSERT INTO hubs (name, parked) VALUES ('hub-7', 1)").run();
  await earlier.forgetParked();
  expect(await runDurableObjectAlarm(earlier)).toBe(true);
  expect(await known()).toBeNull();
});
