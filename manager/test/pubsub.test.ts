import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ConnectionState } from "../src/hub/connection-state.ts";
import { CREDIT_WINDOW } from "../src/hub/credit.ts";
import { api, hub, mintToken, TestAgent } from "./manager.ts";

const publish = async (subject: string, data?: unknown) => (await api("POST", "/api/publish", { subject, data })).body;
const subscriptions = async (agent: TestAgent) =>
  (await api("GET", `/api/agents/${agent.id}/subscriptions`)).body as {
    patterns: string[];
    delivered: number;
    dropped: number;
    unacknowledged: { frames: number; bytes: number };
  };

/** Waits until the totals of these frames are saved, without which the hub does not hibernate. */
async function totalsSaved(agent: TestAgent, frames: number): Promise<void> {
  const attachment = () =>
    runInDurableObject(hub(), (_, ctx) => ctx.getWebSockets(agent.connection)[0]?.deserializeAttachment());
  await vi.waitUntil(
    async () => {
      const { delivered, dropped } = ((await attachment()) as ConnectionState).credit;
      return delivered.frames + dropped === frames;
    },
    { timeout: 30_000, interval: 50 },
  );
}

async function subscriber(...patterns: string[]): Promise<TestAgent> {
  const { agent } = await TestAgent.enrolled();
  expect((await agent.request("agent.subscribe", { patterns })).error).toBeUndefined();
  return agent;
}

describe("subscriptions", () => {
  it("are answered with the whole new list, when added and when removed", async () => {
    const { agent } = await TestAgent.enrolled();
    const own = `agents.${agent.id}.>`;
    const ask = async (subject: string, patterns: string[]) => (await agent.request(subject, { patterns })).data;
    expect(await ask("agent.subscribe", ["fleet.>"])).toEqual({ patterns: ["fleet.>"] });
    expect(await ask("agent.subscribe", ["fleet.>", own])).toEqual({ patterns: ["fleet.>", own] });
    expect(await ask("agent.unsubscribe", ["fleet.>", "fleet.unheard"])).toEqual({ patterns: [own] });
    expect((await subscriptions(agent)).patterns).toEqual([own]);
  });

  it.each([
    [["fleet.>", "agents.someone.>"], "forbidden"],
    [["fleet.>", "agents.*.x"], "forbidden"],
    [["fleet.>", "*.x"], "forbidden"],
    [["fleet.>", ">"], "forbidden"],
    [["fleet.>", "fleet"], "forbidden"],
    [["fleet.>", "inbox.>"], "forbidden"],
    [["fleet.>", "fleet..x"], "invalid_subject"],
    [["fleet.>", "fleet.>.x"], "invalid_subject"],
    [[], "invalid_data"],
  ])("%j are all refused with %s", async (patterns, code) => {
    const { agent } = await TestAgent.enrolled();
    expect((await agent.request("agent.subscribe", { patterns })).error?.code).toBe(code);
    expect((await subscriptions(agent)).patterns).toEqual([]);
  });

  it.each(["a..b", "fleet.", "*", "agents.another.>", "", "fleet.>.x"])(
    "stay as they are when one of the patterns to take away is %j",
    async (bad) => {
      const { agent } = await TestAgent.enrolled();
      await agent.request("agent.subscribe", { patterns: ["fleet.a", "fleet.b"] });
      const { error } = await agent.request("agent.unsubscribe", { patterns: ["fleet.a", bad] });
      expect(error?.code).toMatch(/^(invalid_subject|forbidden)$/);
      expect((await subscriptions(agent)).patterns).toEqual(["fleet.a", "fleet.b"]);
    },
  );

  it("are limited to 32", async () => {
    const { agent } = await TestAgent.enrolled();
    const patterns = Array.from({ length: 32 }, (_, n) => `fleet.${"long-".repeat(12)}${n}.>`);
    expect((await agent.request("agent.subscribe", { patterns })).error).toBeUndefined();
    const one = await agent.request("agent.subscribe", { patterns: ["fleet.one.more"] });
    expect(one.error?.code).toBe("too_many_subscriptions");
    await evictDurableObject(hub());
    expect((await subscriptions(agent)).patterns).toEqual(patterns);
  });

  it("need a registered connection; for an unknown agent the API answers 404", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    expect((await agent.request("agent.subscribe", { patterns: ["fleet.>"] })).error?.code).toBe("not_registered");
    expect(await api("GET", "/api/agents/nobody/subscriptions")).toMatchObject({
      status: 404,
      body: { error: { code: "unknown_agent" } },
    });
  });
});

describe("publish", () => {
  let prefix: string;
  beforeEach(() => {
    prefix = `fleet.t${crypto.randomUUID().slice(0, 8)}`;
  });

  it("reaches each connection with a matching pattern once and in order", async () => {
    const both = await subscriber(`${prefix}.>`, `${prefix}.*`);
    const deep = await subscriber(`${prefix}.a.b`);
    const none = await subscriber("fleet.elsewhere");
    expect(await publish(`${prefix}.x`, 1)).toEqual({ delivered: 1, dropped: 0 });
    expect(await publish(`${prefix}.a.b`, 2)).toEqual({ delivered: 2, dropped: 0 });
    expect(await publish(prefix, 3)).toEqual({ delivered: 0, dropped: 0 });
    await deep.next((frame) => frame.subject === `${prefix}.a.b`);
    await both.next((frame) => frame.data === 2);
    expect(both.frames.filter((frame) => frame.subject.startsWith(prefix)).map((frame) => frame.data)).toEqual([1, 2]);
    expect(none.frames.some((frame) => frame.subject.startsWith(prefix))).toBe(false);
  });

  it("reaches subscribers after hibernation, but not closed connections", async () => {
    const stays = await subscriber(`${prefix}.>`);
    const goes = await subscriber(`${prefix}.>`);
    await evictDurableObject(hub());
    expect(await publish(`${prefix}.x`)).toEqual({ delivered: 2, dropped: 0 });
    goes.socket.close(1000, "stopped");
    await goes.untilClosed();
    expect(await publish(`${prefix}.x`)).toEqual({ delivered: 1, dropped: 0 });
    await stays.next((frame) => frame.subject === `${prefix}.x`);
  });

  it("writes no attachment for each subscriber and message, and one for each subscriber once it is over", async () => {
    const subscribers = [
      await subscriber(`${prefix}.>`),
      await subscriber(`${prefix}.>`),
      await subscriber(`${prefix}.>`),
    ];
    const attachments = vi.spyOn(WebSocket.prototype, "serializeAttachment");
    const ids = subscribers.map(({ connection }) => connection);
    const written = () =>
      attachments.mock.calls.filter(([state]) => ids.includes((state as ConnectionState).id)).length;
    const burst = async (messages: number) => {
      for (let n = 0; n < messages; n++) await hub().publish(`${prefix}.x`, "0");
    };
    await burst(60);
    expect(written()).toBe(0);
    for (const agent of subscribers) await totalsSaved(agent, 60);
    expect(written()).toBe(3);

    // A hub that has slept knows what is on its way: no subscriber gets more than its window.
    await evictDurableObject(hub());
    await burst(100);
    for (const agent of subscribers) await totalsSaved(agent, 160);
    await evictDurableObject(hub());
    expect(written()).toBe(6);
    await burst(CREDIT_WINDOW.frames);
    for (const agent of subscribers) {
      expect(await subscriptions(agent)).toMatchObject({ delivered: CREDIT_WINDOW.frames, dropped: 160 });
    }
    attachments.mockRestore();
  });

  it("leaves a connection that is over before its totals are saved as it ended", async () => {
    const goes = await subscriber(`${prefix}.>`);
    const stays = await subscriber(`${prefix}.>`);
    await hub().publish(`${prefix}.x`, "0");
    goes.socket.close(1000, "stopped");
    await goes.untilClosed();
    await totalsSaved(stays, 1);
    await evictDurableObject(hub());
    expect((await hub().status(goes.id)).filter(({ status }) => status === "online")).toEqual([]);
    expect(await publish(`${prefix}.x`)).toEqual({ delivered: 1, dropped: 0 });
  });

  it.each([
    [{ subject: "fleet.*" }, 400, "invalid_subject"],
    [{ subject: "fleet.>" }, 400, "invalid_subject"],
    [{ subject: "" }, 400, "invalid_subject"],
    [{ subject: "agent.welcome" }, 403, "forbidden"],
    [{ subject: "agent.reconnect" }, 403, "forbidden"],
    [{ subject: "inbox.a.b" }, 403, "forbidden"],
    [{ subject: "fleet.x", data: "x".repeat(65_536) }, 413, "payload_too_large"],
    [{ subject: "fleet.x", dat: 1 }, 400, "invalid_request"],
  ])("refuses %j", async (message, status, code) => {
    expect(await api("POST", "/api/publish", message)).toMatchObject({ status, body: { error: { code } } });
  });
});

describe("a subscriber that does not acknowledge", () => {
  it("gets one window of frames, also after hibernation; further frames are dropped for it alone", async () => {
    const subject = `fleet.w${crypto.randomUUID().slice(0, 8)}`;
    const stalled = await subscriber(subject);
    const lively = await subscriber(subject);
    let received = 0;
    let bytes = 0;
    lively.socket.addEventListener("message", (event) => {
      const text = String(event.data);
      if (!text.startsWith(`{"subject":"${subject}"`)) return;
      bytes += text.length;
      if (++received % 64 === 0) lively.send({ subject: "agent.credit", data: { frames: received, bytes } });
    });
    const total = CREDIT_WINDOW.frames + 100;
    let dropped = 0;
    for (let n = 0; n < total; n++) {
      const outcome = await hub().publish(subject, String(n));
      if (outcome.ok) dropped += outcome.value.dropped;
      if (n !== CREDIT_WINDOW.frames + 50) continue;
      await totalsSaved(stalled, n + 1);
      await evictDurableObject(hub());
    }
    await vi.waitUntil(() => received === total, { timeout: 30_000, interval: 5 });
    expect(dropped).toBe(100);
    expect(await subscriptions(stalled)).toMatchObject({
      delivered: CREDIT_WINDOW.frames,
      dropped: 100,
      unacknowledged: { frames: CREDIT_WINDOW.frames },
    });
    expect(await subscriptions(lively)).toMatchObject({ delivered: total, dropped: 0 });
    expect((await hub().status(stalled.id))[0]?.droppedFrames).toBe(100);

    // After an acknowledgement it gets messages again.
    stalled.send({ subject: "agent.credit", data: { frames: CREDIT_WINDOW.frames, bytes: 1_000_000 } });
    await stalled.request("test.echo");
    expect(await publish(subject, "again")).toEqual({ delivered: 2, dropped: 0 });
    expect((await stalled.next((frame) => frame.data === "again")).subject).toBe(subject);
  });

  it("has a window in bytes too", async () => {
    const subject = `fleet.b${crypto.randomUUID().slice(0, 8)}`;
    const stalled = await subscriber(subject);
    const data = JSON.stringify("x".repeat(60_000));
    for (let n = 0; n < 20; n++) await hub().publish(subject, data);
    const { delivered, dropped, unacknowledged } = await subscriptions(stalled);
    expect(delivered).toBe(17);
    expect(dropped).toBe(3);
    expect(unacknowledged.bytes).toBeLessThanOrEqual(CREDIT_WINDOW.bytes);
  });

  it("cannot acknowledge more than was sent, and cannot take back an acknowledgement", async () => {
    const subject = `fleet.c${crypto.randomUUID().slice(0, 8)}`;
    const agent = await subscriber(subject);
    const credit = async (frames: unknown) =>
      (await agent.request("agent.credit", { frames, bytes: 1e9 })).error?.code ?? "taken";
    expect(await credit(1_000_000)).toBe("taken");
    for (let n = 0; n < CREDIT_WINDOW.frames; n++) await hub().publish(subject, "0");
    expect(await hub().publish(subject, "0")).toMatchObject({ value: { delivered: 0, dropped: 1 } });
    expect(await credit(10)).toBe("taken");
    expect(await credit(0)).toBe("taken");
    expect((await subscriptions(agent)).unacknowledged.frames).toBe(CREDIT_WINDOW.frames - 10);
    expect(await credit(-1)).toBe("invalid_data");
    expect(await credit("many")).toBe("invalid_data");
  });
});

describe("a connection over its budget", () => {
  it("gets rate_limited for its requests; other connections are not affected", async () => {
    const { agent } = await TestAgent.enrolled();
    const { agent: bystander } = await TestAgent.enrolled();
    const replies = await Promise.all(Array.from({ length: 200 }, (_, n) => agent.request("test.echo", n)));
    const refused = replies.filter((reply) => reply.error?.code === "rate_limited");
    expect(refused.length).toBeGreaterThan(0);
    expect(replies.length - refused.length).toBeGreaterThanOrEqual(5 * Number(env.MESSAGES_PER_SECOND));
    expect(agent.closed).toBeNull();
    expect((await bystander.request("test.echo", 1)).data).toBe(1);
  });

  it("is closed with 4429 if it goes on", async () => {
    const { agent } = await TestAgent.enrolled();
    for (let n = 0; n < 1_500; n++) agent.send({ subject: "test.echo" });
    expect(await agent.untilClosed()).toEqual({ code: 4429, reason: "rate_limited" });
    expect((await api("GET", `/api/agents/${agent.id}`)).body).toMatchObject({ status: "offline", reason: "policy" });
  });

  it("may still answer every request", async () => {
    const { agent } = await TestAgent.enrolled();
    agent.socket.addEventListener("message", (event) => {
      const { subject, reply } = JSON.parse(String(event.data));
      if (subject === "a.b") agent.send({ subject: reply, data: 1 });
    });
    const outcomes = await runInDurableObject(hub(), (instance) =>
      Promise.all(Array.from({ length: 2_000 }, () => instance.request(agent.id, "a.b", undefined, 30_000))),
    );
    expect(outcomes.every((outcome) => outcome.ok)).toBe(true);
  });
});
