import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, type MockInstance, vi } from "vitest";
import { PendingRequests } from "../src/hub/requests.ts";
import { api, BASIC, fetchManager, hub, TestAgent } from "./manager.ts";
import { SOON } from "./soon.ts";

type Reply = Awaited<ReturnType<typeof api>>;

let agent: TestAgent;
beforeAll(async () => {
  ({ agent } = await TestAgent.enrolled());
});

/** Sends an operator's request, and passes the frame that the agent receives to `answer`. */
async function ask(subject: string, data: unknown, answer: (reply: string, data: unknown) => void): Promise<Reply> {
  agent.frames.length = 0;
  const response = api("POST", `/api/agents/${agent.id}/request`, { subject, data });
  const frame = await agent.next((message) => message.subject === subject);
  answer(frame.reply ?? "", frame.data);
  return response;
}

/** The number of pending requests in the table that was used last. */
function pendingRequests(asking: MockInstance<PendingRequests["ask"]>): number | undefined {
  const table: unknown = asking.mock.contexts.at(-1);
  return table instanceof PendingRequests ? table.size : undefined;
}

describe("a request to an agent", () => {
  it("returns the agent's reply", async () => {
    const response = await ask("game.players", { world: "nether" }, (reply, data) =>
      agent.send({ subject: reply, data: { asked: data, players: 3 } }),
    );
    expect(response).toEqual({ status: 200, body: { data: { asked: { world: "nether" }, players: 3 } } });
  });

  it("tells a reply without data from one with null", async () => {
    expect(await ask("a.b", undefined, (reply) => agent.send({ subject: reply }))).toEqual({ status: 200, body: {} });
    expect(await ask("a.b", null, (reply) => agent.send({ subject: reply, data: null }))).toEqual({
      status: 200,
      body: { data: null },
    });
  });

  it("returns the handler's error with its code", async () => {
    const error = { code: "disk_full", message: "no space" };
    const response = await ask("a.b", 1, (reply) => agent.send({ subject: reply, error }));
    expect(response).toEqual({ status: 502, body: { error } });
    const none = { code: "no_responders", message: "nothing answers a.b" };
    expect((await ask("a.b", 1, (reply) => agent.send({ subject: reply, error: none }))).status).toBe(503);
  });

  it.each(["missing_token", "forbidden", "invalid_data", "registry_unavailable", "constructor", "__proto__"])(
    "never takes the handler's code %s for the manager's own refusal",
    async (code) => {
      const error = { code, message: "by the agent" };
      const response = await ask("a.b", 1, (reply) => agent.send({ subject: reply, error }));
      expect(response).toEqual({ status: 502, body: { error } });
    },
  );

  it("gets the first reply; second, unknown and foreign replies are dropped and counted", async () => {
    const { agent: other } = await TestAgent.enrolled();
    const response = await ask("a.b", 1, (reply) => {
      other.send({ subject: reply, data: "foreign" });
      agent.send({ subject: `inbox.${agent.connection}.unknown`, data: "unknown" });
      agent.send({ subject: reply, data: "first" });
      agent.send({ subject: reply, data: "second" });
    });
    expect(response.body).toEqual({ data: "first" });
    await Promise.all([other.request("test.echo"), agent.request("test.echo")]);
    const dropped = async (id: string) => (await hub().status(id))[0]?.droppedReplies;
    expect([await dropped(other.id), await dropped(agent.id)]).toEqual([1, 2]);
  });

  it("ends at once when the socket is lost", async () => {
    const { agent: doomed } = await TestAgent.enrolled();
    const response = api("POST", `/api/agents/${doomed.id}/request`, { subject: "a.b", timeoutMs: 60_000 });
    await doomed.next((message) => message.subject === "a.b");
    doomed.socket.close(1000, "stopped");
    expect(await response).toMatchObject({ status: 502, body: { error: { code: "disconnected" } } });
  });

  it("keeps the hub awake, and is answered on the same connection", async () => {
    const request = api("POST", `/api/agents/${agent.id}/request`, { subject: "before.sleep", timeoutMs: 60_000 });
    const asked = await agent.next((frame) => frame.subject === "before.sleep");
    const asleep = evictDurableObject(hub());
    agent.send({ subject: asked.reply, data: "in time" });
    expect(await request).toEqual({ status: 200, body: { data: "in time" } });
    await asleep;
    expect((await agent.request("test.echo", "awake")).data).toBe("awake");
  });

  it("with a late reply: the reply wakes the hub, which drops and counts it", async () => {
    const { agent: late } = await TestAgent.enrolled();
    const request = { subject: "too.late", timeoutMs: 20 };
    expect((await api("POST", `/api/agents/${late.id}/request`, request)).status).toBe(504);
    const asked = await late.next((frame) => frame.subject === "too.late");
    await evictDurableObject(hub());
    late.send({ subject: asked.reply, data: "late" });
    expect((await late.request("test.echo", 1)).data).toBe(1);
    expect((await hub().status(late.id))[0]?.droppedReplies).toBe(1);
  });

  it("whose client disconnects leaves no pending entry after the reply", async () => {
    const { agent: patient } = await TestAgent.enrolled();
    const client = new AbortController();
    const asking = vi.spyOn(PendingRequests.prototype, "ask");
    const response = fetchManager(`/api/agents/${patient.id}/request`, {
      method: "POST",
      headers: { Authorization: BASIC, "Content-Type": "application/json" },
      body: JSON.stringify({ subject: "hang.up", timeoutMs: 60_000 }),
      signal: client.signal,
    });
    const asked = await patient.next((frame) => frame.subject === "hang.up");
    client.abort();
    await expect(response).rejects.toThrow();
    patient.send({ subject: asked.reply, data: "nobody listens" });
    expect((await patient.request("test.echo", 1)).data).toBe(1);
    expect(await vi.waitUntil(() => pendingRequests(asking) === 0, SOON)).toBe(true);
  });

  it("times out when the agent does not answer", async () => {
    const response = await api("POST", `/api/agents/${agent.id}/request`, { subject: "a.b", timeoutMs: 20 });
    expect(response).toMatchObject({ status: 504, body: { error: { code: "timeout" } } });
  });

  it("fails at once if nobody can answer", async () => {
    const path = (id: string) => `/api/agents/${id}/request`;
    expect(await api("POST", path("nobody"), { subject: "a.b" })).toMatchObject({
      status: 404,
      body: { error: { code: "unknown_agent" } },
    });
    const { agent: gone } = await TestAgent.enrolled();
    gone.socket.close(1000, "stopped");
    await gone.untilClosed();
    expect(await api("POST", path(gone.id), { subject: "a.b" })).toMatchObject({
      status: 503,
      body: { error: { code: "no_responders" } },
    });
  });

  it.each([
    [{ subject: "a..b" }, 400, "invalid_subject"],
    [{ subject: "a.*" }, 400, "invalid_subject"],
    [{ subject: "agent.welcome" }, 403, "forbidden"],
    [{ subject: "inbox.x.y" }, 403, "forbidden"],
    [{ subject: "a.b", data: "x".repeat(65_536) }, 413, "payload_too_large"],
    [{ subject: "a.b", timeoutMs: 60_001 }, 400, "invalid_request"],
    [{ subject: "a.b", timeout: 1 }, 400, "invalid_request"],
    [{ data: 1 }, 400, "invalid_request"],
  ])("is refused: %j", async (request, status, code) => {
    const response = await api("POST", `/api/agents/${agent.id}/request`, request);
    expect(response).toMatchObject({ status, body: { error: { code } } });
  });
});

describe("ten thousand interleaved requests on one connection", () => {
  /** Mulberry32, a random generator with a seed: every run is the same. */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  it("each end once, with their own data or a timeout, for any behaviour of the agent", {
    timeout: 120_000,
  }, async () => {
    const { agent: jumbled } = await TestAgent.enrolled();
    const dice = random(20_261_122);
    const waiting: { reply: string; data: unknown }[] = [];
    const lost = new Set<unknown>();
    let duplicates = 0;
    jumbled.socket.addEventListener("message", (event) => {
      const { subject, reply, data } = JSON.parse(String(event.data));
      if (subject !== "jumble.me") return;
      if (dice() < 0.03) lost.add(data);
      else waiting.push({ reply, data });
      // The agent answers in random order.
      while (waiting.length > 200 || (waiting.length > 0 && data >= 9_900)) {
        const [one] = waiting.splice(Math.floor(dice() * waiting.length), 1);
        jumbled.send({ subject: one?.reply, data: { echo: one?.data } });
        if (dice() < 0.02) {
          duplicates++;
          jumbled.send({ subject: one?.reply, data: "a duplicate" });
        }
      }
    });
    const asking = vi.spyOn(PendingRequests.prototype, "ask");
    const outcomes = await runInDurableObject(hub(), (instance) =>
      Promise.all(
        Array.from({ length: 10_000 }, (_, n) => instance.request(jumbled.id, "jumble.me", String(n), 15_000)),
      ),
    );
    expect(lost.size).toBeGreaterThan(0);
    expect(duplicates).toBeGreaterThan(0);
    for (const [n, outcome] of outcomes.entries()) {
      if (lost.has(n)) expect(outcome).toMatchObject({ ok: false, error: { code: "timeout" } });
      else expect(outcome).toEqual({ ok: true, value: JSON.stringify({ echo: n }) });
    }
    await jumbled.request("test.echo");
    const [status] = await hub().status(jumbled.id);
    expect(status).toMatchObject({ status: "online", droppedReplies: duplicates });
    expect(pendingRequests(asking)).toBe(0);
  });
});
