/**
 * The number of unregistered sockets of one token is limited, and so is the number of frames before the registration.
 */
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { api, fetchManager, HOST, mintToken, TestAgent, type UpgradeOptions, upgrade } from "./manager.ts";
import { untilMinuteHasRoom } from "./minute.ts";

/** Tries to open sockets without registering them. Returns how many were accepted, and the refusals of the others. */
async function crowd(n: number, options: () => UpgradeOptions) {
  const answers = await Promise.all(Array.from({ length: n }, () => upgrade(options())));
  const refused = answers.filter(({ status }) => status !== 101);
  for (const { webSocket } of answers) webSocket?.accept();
  return {
    opened: answers.length - refused.length,
    refused,
    close: () => answers.map((a) => a.webSocket?.close(1001)),
  };
}

describe("sockets that do not register", () => {
  it("are at most four for an enrolment token for one host, even with different install ids", async () => {
    const token = await mintToken();
    const { opened, refused } = await crowd(30, () => ({ token, installId: crypto.randomUUID() }));
    expect(opened).toBe(4);
    for (const response of refused) {
      expect(response.status).toBe(429);
      expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(0);
      expect(await response.json()).toMatchObject({ error: { code: "too_many_requests" } });
    }
  });

  it("are at most four for an agent's own token, and its registered connection stays", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const { opened } = await crowd(20, () => ({ token, installId: crypto.randomUUID() }));
    expect(opened).toBe(4);
    expect((await agent.request("test.echo", 1)).data).toBe(1);
  });

  it("make room for others when they close", async () => {
    const token = await mintToken();
    const { close } = await crowd(4, () => ({ token }));
    expect((await upgrade({ token })).status).toBe(429);
    close();
    await vi.waitUntil(async () => (await upgrade({ token })).status === 101, { timeout: 30_000 });
  });
});

describe("attempts to connect", () => {
  it("are counted per enrolment token, even with different install ids, and over HTTP too", async () => {
    const token = await mintToken();
    await untilMinuteHasRoom();
    const statuses = new Map<number, number>();
    for (let n = 0; n < 40; n++) {
      const response = await upgrade({ token });
      response.webSocket?.accept();
      response.webSocket?.close(1001);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
    // 30 a minute reach the hub.
    expect((statuses.get(101) ?? 0) + (statuses.get(429) ?? 0)).toBe(40);
    const last = await upgrade({ token });
    expect([last.status, last.headers.get("Retry-After")]).toEqual([429, "60"]);
    const overHttp = await fetchManager("/api/agent/register", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(HOST),
    });
    expect(overHttp.status).toBe(429);
    // Another token is not limited by this.
    await TestAgent.online({ token: await mintToken() });
  });
});

it("attempts beyond the limit cost no read of the registry", async () => {
  const { token } = await TestAgent.enrolled();
  const enrolment = await mintToken();
  for (const shown of [token, enrolment]) {
    await untilMinuteHasRoom();
    const prepare = vi.spyOn(env.DB, "prepare");
    const statuses: number[] = [];
    for (let n = 0; n < 200; n++) {
      const response = await upgrade({ token: shown });
      response.webSocket?.accept();
      response.webSocket?.close(1001);
      statuses.push(response.status);
    }
    const reads = prepare.mock.calls.filter(([sql]) => sql.includes("FROM agents WHERE id")).length;
    prepare.mockRestore();
    expect(statuses.at(-1)).toBe(429);
    expect(reads).toBeLessThanOrEqual(35);
  }
});

it("a fleet of 300 hosts enrols with one token, all at once", { timeout: 170_000 }, async () => {
  const token = await mintToken({ maxUses: 300 });
  const hosts = Array.from({ length: 300 }, (_, n) => `fleet-host-${n}`);
  // A host that is refused, or too late to register on a busy machine, tries again after a random time, as agents do. If all
  // tried again at once, all would be too late again.
  const enrol = (installId: string) =>
    vi.waitFor(() => TestAgent.online({ token, installId }), {
      timeout: 150_000,
      interval: 2_000 + Math.random() * 8_000,
    });
  await Promise.all(hosts.map(enrol));
  // On a busy machine the leases of the first are over by now.
  const { body } = await api("GET", "/api/agents?q=edge-7");
  expect(Array.isArray(body) && body.length).toBeGreaterThanOrEqual(300);
});

describe("an unregistered connection", () => {
  it.each<[string, (agent: TestAgent) => void]>([
    ["echoes", (agent) => agent.send({ subject: "test.echo", data: 1 })],
    ["bad frames", (agent) => agent.sendText("{")],
    ["replies that nobody waits for", (agent) => agent.send({ subject: `inbox.${agent.connection}.x` })],
    ["large frames", (agent) => agent.send({ subject: "test.echo", data: "x".repeat(60_000) })],
  ])("is closed after eight %s", async (_, send) => {
    const agent = await TestAgent.open({ token: await mintToken() });
    for (let n = 0; n < 8; n++) send(agent);
    await new Promise((resolve) => setTimeout(resolve, 0));
    send(agent);
    expect(await agent.untilClosed()).toEqual({ code: 4429, reason: "rate_limited" });
  });

  it("may register with its eighth frame", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    for (let n = 0; n < 7; n++) agent.send({ subject: "test.echo" });
    expect((await agent.request("agent.register", HOST)).error).toBeUndefined();
    for (let n = 0; n < 20; n++) expect((await agent.request("test.echo", n)).data).toBe(n);
  });
});
