import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { Transition } from "../src/presence/presence.ts";
import { PRUNED_EVERY, writeTransitions } from "../src/registry/transitions.ts";
import { agentView, api, hub, shown, stored, TestAgent } from "./manager.ts";
import { age, sweep } from "./time.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Entry {
  status: string;
  reason: string | null;
  at: number;
  durationMs: number | null;
  generation: number;
  address: string | null;
  closeCode: number | null;
}

/** The timeline as the API tells it, once it has so many entries. */
function recorded(id: string, length: number): Promise<Entry[]> {
  return vi.waitUntil(
    async () => {
      const { status, body } = await api("GET", `/api/agents/${id}/events`);
      expect(status).toBe(200);
      const entries = body as Entry[];
      return entries.length >= length ? entries : null;
    },
    { timeout: 10_000, interval: 10 },
  );
}

const brief = (entries: Entry[]) => entries.map(({ status, reason, closeCode }) => [status, reason, closeCode]);

describe("a socket that fails", () => {
  const fail = (agent: TestAgent, error: unknown) =>
    runInDurableObject(hub(), (instance, ctx) => {
      const [socket] = ctx.getWebSockets(agent.connection);
      if (socket === undefined) throw new Error("no socket");
      return instance.webSocketError(socket, error);
    });

  it.each([
    ["Network connection lost.", ["offline", "lost", null]],
    ["internal error; reference = abc", ["offline", "lost", null]],
    ["WebSocket disconnected between frames without sending `Close`.", ["offline", "lost", null]],
    [
      "WebSocket protocol error; protocolError.statusCode = 1009; protocolError.description = Message is too large",
      ["offline", "policy", 1009],
    ],
    [
      "WebSocket protocol error; protocolError.statusCode = 1002; protocolError.description = Unknown opcode 5",
      ["offline", "policy", 1002],
    ],
  ])("with %s is recorded as what happened, and bans no agent for a minute", async (message, ending) => {
    const { agent, token } = await TestAgent.enrolled();
    await fail(agent, new Error(message));
    expect(brief(await recorded(agent.id, 2))).toEqual([ending, ["online", null, null]]);
    // A second event of the same socket, or one of a socket that is over, changes nothing.
    await fail(agent, new Error("Network connection lost.")).catch(() => {});
    if (ending[1] === "lost") expect((await agent.untilClosed()).code).toBe(1011);
    else expect(agent.closed).toBeNull();
    const { agent: back } = await TestAgent.online({ token });
    expect(brief(await recorded(back.id, 3))).toEqual([["online", null, null], ending, ["online", null, null]]);
  });
});

describe("GET /api/agents/:id/events", () => {
  it("has every coming and going, with its reason and close code, newest first", async () => {
    const { agent: first, token } = await TestAgent.enrolled();
    first.socket.close(1000, "stopped");
    await shown(first.id, (view) => view.status === "offline");
    const headers = { "CF-Connecting-IP": "203.0.113.9" };
    const { agent: second } = await TestAgent.online({ token, headers });
    const { agent: third } = await TestAgent.online({ token });
    expect(await second.untilClosed()).toMatchObject({ code: 4409 });
    await age(third, 40_001);
    await sweep();
    const entries = await recorded(first.id, 6);
    expect(brief(entries)).toEqual([
      ["offline", "lease_expired", 4408],
      ["online", null, null],
      ["offline", "replaced", 4409],
      ["online", null, null],
      ["offline", "stopped", 1000],
      ["online", null, null],
    ]);
    expect(entries[3]).toMatchObject({ address: "203.0.113.9", durationMs: expect.any(Number) });
    expect(entries[0]?.durationMs).toBeNull();
    expect(entries.every(({ at }, place) => place === 0 || at <= (entries[place - 1]?.at ?? 0))).toBe(true);
    const { uptime } = await agentView(first.id);
    expect(uptime).toEqual({ day: expect.any(Number), week: expect.any(Number) });
  });

  it("tells of a lease that has run out before any sweep came by", async () => {
    const { agent } = await TestAgent.enrolled();
    await recorded(agent.id, 1);
    await age(agent, 40_001);
    expect(brief(await recorded(agent.id, 2))[0]).toEqual(["offline", "lease_expired", null]);
  });

  it("marks an agent that flaps, and has the shares of its uptime", async () => {
    const { agent, token } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    expect(await agentView(agent.id)).toMatchObject({ flapping: false });
    for (let closes = 0; closes < 2; closes++) {
      const { agent: again } = await TestAgent.online({ token });
      again.socket.close(1001);
      await recorded(agent.id, 4 + 2 * closes);
    }
    await stored(agent.id, (row) => row.burst_at !== null);
    expect(await agentView(agent.id)).toMatchObject({ flapping: true });
    expect((await api("GET", "/api/agents")).body).toContainEqual(
      expect.objectContaining({ id: agent.id, flapping: true }),
    );
    await env.DB.prepare("UPDATE agents SET burst_at = burst_at - 600000 WHERE id = ?").bind(agent.id).run();
    expect(await agentView(agent.id)).toMatchObject({ flapping: false });
  });

  it("does not know an agent that was removed, and nothing of it is kept", async () => {
    const { agent } = await TestAgent.enrolled();
    await recorded(agent.id, 1);
    await api("DELETE", `/api/agents/${agent.id}`);
    await stored(agent.id, (row) => row.status === "offline");
    expect((await api("GET", `/api/agents/${agent.id}/events`)).status).toBe(404);
    expect(await eventsOf(agent.id)).toEqual([]);
  });
});

function eventsOf(id: string) {
  const rows = env.DB.prepare("SELECT * FROM events WHERE agent_id = ? ORDER BY generation DESC, status").bind(id);
  return rows.all<{ generation: number; status: string; at: number }>().then(({ results }) => results);
}

/** A connection that came and went again, with its two transitions. */
function visit(online: Transition, generation: number, at: number): Transition[] {
  const began = { ...online, generation, since: at };
  return [began, { ...began, status: "offline", reason: "lost", since: at + 1, closeCode: 1006 }];
}

/** The first of `n` generations in a row after this connection, of which the last has the timeline pruned. */
function firstOf(n: number, { generation }: Transition): number {
  return Math.ceil((generation + n) / PRUNED_EVERY) * PRUNED_EVERY - n + 1;
}

describe("a registry from before there were timelines", () => {
  it("begins them with what it knew of each agent", async () => {
    const { agent: online } = await TestAgent.enrolled();
    const { agent: gone } = await TestAgent.enrolled();
    gone.socket.close(1000, "stopped");
    await stored(gone.id, (row) => row.status === "offline");
    await stored(online.id, (row) => row.status === "online");
    await env.DB.exec("DROP TABLE events");
    await env.DB.exec("ALTER TABLE agents DROP COLUMN burst_at");
    await env.DB.exec(`UPDATE agents SET since = since - ${2 * HOUR}`);
    const [migration] = env.MIGRATIONS.filter(({ name }) => name.startsWith("0005"));
    for (const statement of migration?.queries ?? []) await env.DB.prepare(statement).run();
    // The new version takes over, and no socket outlives that.
    await evictDurableObject(hub(), { webSockets: "close" });
    expect(brief(await recorded(online.id, 2))).toEqual([
      ["offline", "manager_restart", null],
      ["online", null, null],
    ]);
    expect(brief(await recorded(gone.id, 1))).toEqual([["offline", "stopped", null]]);
    expect((await agentView(online.id)).uptime.day).toBeGreaterThan(0.9);
    expect((await agentView(gone.id)).uptime.day).toBe(0);
  });
});

describe("the registry", () => {
  async function known(): Promise<Transition> {
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    const [live] = await hub().status(agent.id);
    if (live === undefined) throw new Error("not live");
    return { ...live, reason: null, closeCode: null };
  }

  it("keeps the last 200 transitions of each agent", async () => {
    const [one, other] = [await known(), await known()];
    const now = Date.now();
    const visits = (online: Transition, n: number) =>
      Array.from({ length: n }, (_, i) => visit(online, firstOf(n, online) + i, now + i)).flat();
    await writeTransitions(env.DB, "hub-0", [...visits(one, 130), ...visits(other, 3)]);
    const kept = await eventsOf(one.agentId);
    expect([kept.length, kept[0]?.generation]).toEqual([200, firstOf(130, one) + 129]);
    expect(await eventsOf(other.agentId)).toHaveLength(7);
  });

  it("keeps not much more than that of an agent that comes and goes, and shows no more", async () => {
    const online = await known();
    const first = firstOf(150, online);
    let most = 0;
    for (let i = 0; i < 150; i++) {
      for (const transition of visit(online, first + i, online.since + i)) {
        await writeTransitions(env.DB, "hub-0", [transition]);
      }
      most = Math.max(most, (await eventsOf(online.agentId)).length);
    }
    expect(most).toBeLessThan(200 + 2 * PRUNED_EVERY);
    expect(await recorded(online.agentId, 200)).toHaveLength(200);
  });

  it("drops what is older than 30 days, but not what lasted into them", async () => {
    const online = await known();
    const now = Date.now();
    await env.DB.prepare("UPDATE events SET at = ?")
      .bind(now - 60 * DAY)
      .run();
    const days = [50, 40, 20].flatMap((ago, i) => visit(online, firstOf(3, online) + i, now - ago * DAY));
    await writeTransitions(env.DB, "hub-0", days);
    expect((await eventsOf(online.agentId)).map(({ at, status }) => [Math.round((now - at) / DAY), status])).toEqual([
      [20, "offline"],
      [20, "online"],
      [40, "offline"],
      [40, "online"],
    ]);
  });

  it("takes a batch twice as once", async () => {
    const online = await known();
    const batch = visit(online, online.generation + 1, Date.now());
    await writeTransitions(env.DB, "hub-0", batch);
    const once = await eventsOf(online.agentId);
    await writeTransitions(env.DB, "hub-0", batch);
    expect(await eventsOf(online.agentId)).toEqual(once);
    await stored(online.agentId, (row) => row.status === "offline" && row.reason === "lost");
  });

  it("never lets a connection that has ended begin again", async () => {
    const online = await known();
    const [began, ended] = visit(online, online.generation + 1, Date.now());
    if (began === undefined || ended === undefined) throw new Error("no visit");
    await writeTransitions(env.DB, "hub-0", [ended]);
    await writeTransitions(env.DB, "hub-0", [began]);
    await stored(online.agentId, (row) => row.status === "offline");
  });

  it("says revoked of an agent whose last connection is found to have been lost before that", async () => {
    const online = await known();
    await env.DB.prepare("UPDATE agents SET revoked_at = 1 WHERE id = ?").bind(online.agentId).run();
    const [, ended] = visit(online, online.generation, Date.now());
    if (ended === undefined) throw new Error("no visit");
    expect(await writeTransitions(env.DB, "hub-0", [ended])).toMatchObject([{ agentId: online.agentId, barred: 1 }]);
    await stored(online.agentId, (row) => row.reason === "revoked");
  });
});
