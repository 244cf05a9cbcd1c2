/** After an exception in one of the hub's handlers, only one answer is lost. The connection and the hub go on. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Connection } from "../src/hub/connection.ts";
import { ADMISSION_HEADER } from "../src/hub/hub.ts";
import { HubStore } from "../src/hub/store.ts";
import { Subscriptions } from "../src/hub/subscriptions.ts";
import { agentView, HOST, hub, mintToken, shown, TestAgent } from "./manager.ts";

/** The faults in the hub's log. */
function faults() {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  return () => errors.mock.calls.map(([line]) => JSON.parse(String(line))).filter((entry) => entry.hub === "hub-0");
}

function fail(): never {
  throw new Error("injected");
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("an exception while a message is handled", () => {
  it.each<[string, unknown, () => void]>([
    ["agent.status", undefined, () => vi.spyOn(Connection.prototype, "live").mockImplementationOnce(fail)],
    [
      "agent.subscribe",
      { patterns: ["fleet.>"] },
      () => vi.spyOn(Subscriptions.prototype, "subscribe").mockImplementationOnce(fail),
    ],
    ["agent.heartbeat", { rttMs: 1 }, () => vi.spyOn(Connection.prototype, "save").mockImplementationOnce(fail)],
    [
      "agent.credit",
      { frames: 0, bytes: 0 },
      () => vi.spyOn(Connection.prototype, "acknowledge").mockImplementation(fail),
    ],
  ])("%s is answered with internal and logged once, and the connection goes on", async (subject, data, inject) => {
    const { agent } = await TestAgent.enrolled();
    const logged = faults();
    inject();
    expect((await agent.request(subject, data)).error).toMatchObject({ code: "internal" });
    expect(logged()).toMatchObject([
      { level: "error", hub: "hub-0", agent: agent.id, connection: agent.connection, subject },
    ]);
    vi.restoreAllMocks();
    expect((await agent.request("test.echo", 1)).data).toBe(1);
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
  });

  it("during a registration is answered, and the agent may register again", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    const logged = faults();
    vi.spyOn(HubStore.prototype, "putConnection").mockImplementationOnce(fail);
    expect((await agent.request("agent.register", HOST)).error).toMatchObject({ code: "internal" });
    expect(logged()).toHaveLength(1);
  });
});

it("an exception in the close handler does not prevent the answer to the close frame", async () => {
  const { agent } = await TestAgent.enrolled();
  const logged = faults();
  vi.spyOn(HubStore.prototype, "endConnection").mockImplementationOnce(fail);
  agent.socket.close(1000, "stopped");
  expect(await agent.untilClosed()).toMatchObject({ code: 1000 });
  expect(logged()).toMatchObject([{ event: "close" }]);
});

it("an exception in the error handler of a socket does not disturb the hub", async () => {
  const { agent } = await TestAgent.enrolled();
  const { agent: other } = await TestAgent.enrolled();
  const logged = faults();
  vi.spyOn(HubStore.prototype, "endConnection").mockImplementationOnce(fail);
  await runInDurableObject(hub(), async (instance, ctx) => {
    for (const socket of ctx.getWebSockets(agent.connection))
      await instance.webSocketError(socket, new Error("injected"));
  });
  expect(logged()).toMatchObject([{ event: "error" }]);
  expect((await other.request("test.echo", 1)).data).toBe(1);
});

it("after an exception in the alarm handler the outbox is still flushed and the next alarm is set", async () => {
  const { agent } = await TestAgent.enrolled();
  const logged = faults();
  vi.spyOn(HubStore.prototype, "saveSweep").mockImplementation(fail);
  await evictDurableObject(hub());
  await runDurableObjectAlarm(hub());
  expect(logged()).toMatchObject([{ event: "alarm" }]);
  expect(await runInDurableObject(hub(), (_, ctx) => ctx.storage.getAlarm())).not.toBeNull();
  vi.restoreAllMocks();
  agent.socket.close(1000, "stopped");
  expect(await shown(agent.id, ({ status }) => status === "offline")).toMatchObject({ reason: "stopped" });
});

it("an exception while a socket is opened is answered with internal", async () => {
  const logged = faults();
  const headers = { Upgrade: "websocket", [ADMISSION_HEADER]: "no admission" };
  const response = await env.HUB.getByName("hub-0").fetch("https://manager.test/ws", { headers });
  expect([response.status, await response.json()]).toMatchObject([500, { error: { code: "internal" } }]);
  expect(logged()).toMatchObject([{ event: "fetch" }]);
});
