/** What an open feed costs, counted in workerd in simulated time: wakes, alarms, statements of D1, writes, frames. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import billed from "../../docs/counts.json" with { type: "json" };
import { AgentHub } from "../src/hub/hub.ts";
import { HubParts } from "../src/hub/parts.ts";
import { Beating, openPage } from "./live-page.ts";
import { HOST, hub, mintToken, stored, TestAgent } from "./manager.ts";
import { countRows } from "./rows.ts";
import { logIn } from "./sessions.ts";
import { SimulatedTime } from "./simulated-time.ts";

const MINUTE = 60_000;

async function agent(): Promise<{ agent: TestAgent; beating: Beating }> {
  const opened = await TestAgent.open({ token: await mintToken() });
  const reply = await opened.request("agent.register", { ...HOST, alignsHeartbeat: true });
  opened.id = (reply.data as { agentId: string }).agentId;
  await stored(opened.id, ({ status }) => status === "online");
  const welcome = opened.frames[0]?.data as ConstructorParameters<typeof Beating>[1];
  return { agent: opened, beating: new Beating(opened.socket, welcome) };
}

/** Counts what the hub does. It sleeps whenever nothing is to be done. */
async function countHub(time: SimulatedTime) {
  let isAwake = true;
  const load = HubParts.prototype.load;
  const wakes = vi.spyOn(HubParts.prototype, "load").mockImplementation(async function (this: HubParts) {
    isAwake = true;
    await load.call(this);
  });
  const handlers = (["alarm", "fetch", "webSocketMessage", "status", "publish"] as const).map((name) =>
    vi.spyOn(AgentHub.prototype, name),
  );
  const attachments = vi.spyOn(WebSocket.prototype, "serializeAttachment");
  let alarmAt = (await runInDurableObject(hub(), (_, { storage }) => storage.getAlarm())) ?? Number.POSITIVE_INFINITY;
  await runInDurableObject(hub(), (_, { storage }) => {
    const prototype: DurableObjectStorage = Object.getPrototypeOf(storage);
    const setAlarm = prototype.setAlarm;
    vi.spyOn(prototype, "setAlarm").mockImplementation(function (this: DurableObjectStorage, at, ...rest) {
      alarmAt = Number(at);
      return setAlarm.call(this, at, ...rest);
    });
  });

  async function sleep(): Promise<void> {
    await time.untilIdle();
    if (isAwake) await evictDurableObject(hub());
    isAwake = false;
  }

  /** Lets time pass in which these sockets beat and alarms ring. */
  async function pass(ms: number, beating: readonly Beating[]): Promise<void> {
    const end = Date.now() + ms;
    await sleep();
    for (;;) {
      const [next] = beating.toSorted((a, b) => a.beatsAt - b.beatsAt);
      const at = Math.min(next?.beatsAt ?? Number.POSITIVE_INFINITY, alarmAt);
      if (at > end) break;
      time.moveTo(at);
      if (at !== alarmAt) {
        await next?.beat();
        continue;
      }
      alarmAt = Number.POSITIVE_INFINITY;
      await runDurableObjectAlarm(hub());
      await sleep();
    }
    time.moveTo(end);
  }
  const counts = () => ({
    wakes: wakes.mock.calls.length,
    handled: Object.fromEntries(handlers.map((spy) => [spy.getMockName(), spy.mock.calls.length])),
    attachments: attachments.mock.calls.length,
  });
  const clear = () => {
    for (const spy of [wakes, attachments, ...handlers]) spy.mockClear();
  };
  return { pass, counts, clear };
}

it("an idle page costs no wake beside the hub's two sweeps a minute, no statement of D1 and no write of its state", async () => {
  const time = await SimulatedTime.begin(["hub-0"]);
  const agents = [await agent(), await agent(), await agent()].map(({ beating }) => beating);
  const { pass, counts, clear } = await countHub(time);
  // What agents cost without a viewer.
  await pass(2 * MINUTE, agents);
  const rows = countRows();
  clear();
  await pass(5 * MINUTE, agents);
  const idle = {
    wakes: 5 * billed.sweepsPerMinute,
    handled: { alarm: 5 * billed.sweepsPerMinute, fetch: 0, webSocketMessage: 0, status: 0, publish: 0 },
    attachments: 0,
  };
  expect(counts()).toEqual(idle);

  const { headers } = await logIn();
  const page = await openPage(headers);
  await pass(2 * MINUTE, [...agents, page]);
  rows.statements.length = 0;
  clear();
  await pass(5 * MINUTE, [...agents, page]);
  expect(counts()).toEqual(idle);
  expect(rows.statements).toEqual([]);
  expect(page.texts).toEqual([]);

  // A page alone costs no more.
  for (const { socket } of agents) socket.close(1000, "stopped");
  await pass(2 * MINUTE, [page]);
  clear();
  rows.statements.length = 0;
  await pass(5 * MINUTE, [page]);
  expect(counts()).toEqual(idle);
  expect(rows.statements).toEqual([]);
});

it("a lone change is one frame for each page, and its state is written with it, so that no timer is needed", async () => {
  const time = await SimulatedTime.begin(["hub-0"]);
  const { agent: changed } = await agent();
  const { headers } = await logIn();
  const pages = [await openPage(headers), await openPage(headers), await openPage(headers)];
  await time.untilIdle();
  const rows = countRows();
  const attachments = vi.spyOn(WebSocket.prototype, "serializeAttachment");
  const pagesWritten = () =>
    attachments.mock.calls.filter(([state]) => Object(state).passwordHash !== undefined).length;
  for (let rttMs = 1; rttMs <= 10; rttMs++) {
    attachments.mockClear();
    await changed.request("agent.heartbeat", { rttMs });
    await vi.waitUntil(() => pages.every(({ texts }) => texts.length === rttMs), { timeout: 30_000, interval: 1 });
    expect(pagesWritten()).toBe(pages.length);
    await time.untilIdle();
  }
  for (const { texts } of pages) {
    expect(texts.map((text) => JSON.parse(text))).toMatchObject(
      Array.from({ length: 10 }, (_, n) => ({ subject: `presence.${changed.id}`, data: { rttMs: n + 1 } })),
    );
  }
  expect(rows.statements).toEqual([]);
});
