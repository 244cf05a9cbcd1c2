import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { Transition } from "../src/presence/presence.ts";
import { PRUNED_EVERY, writeTransitions } from "../src/registry/transitions.ts";
import { agentView, api, hub, shown, stored, TestAgent } from "./manager.ts";
import { countRows } from "./rows.ts";
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

/** Waits until the timeline in the API has at least `length` entries, and returns it. */
function recorded(id: string, length: number): Promise<Entry[]> {
  return vi.waitUntil(
    async () => {
      const { status, body } = await api("GET", `/api/agents/${id}/events`);
      expect(status).toBe(200);
      const entries = body as Entry[];
      return entries.length >= length ? entries : null;
    },
    { timeout: 30_000, interval: 10 },
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
  ])("with %s is recorded with reason and close code, and its agent may return at once", async (message, ending) => {
    const { agent, token } = await TestAgent.enrolled();
    await fail(agent, new Error(message));
    expect(brief(await recorded(agent.id, 2))).toEqual([ending, ["online", null, null]]);
    // A second event of the same socket changes nothing.
    await fail(agent, new Error("Network connection lost.")).catch(() => {});
    if (ending[1] === "lost") expect((await agent.untilClosed()).code).toBe(1011);
    else expect(agent.closed).toBeNull();
    const { agent: back } = await TestAgent.online({ token });
    expect(brief(await recorded(back.id, 3))).toEqual([["online", null, null], ending, ["online", null, null]]);
  });
});

describe("GET /api/agents/:id/events", () => {
  it("has every beginning and end of a connection, with reason and close code, the newest first", async () => {
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

  it("has the end of a lease before a sweep records it", async () => {
    const { agent } = await TestAgent.enrolled();
    await recorded(agent.id, 1);
    await age(agent, 40_001);
    expect(brief(await recorded(agent.id, 2))[0]).toEqual(["offline", "lease_expired", null]);
  });

  it("shows that an agent flaps, and its uptime", async () => {
    const { agent, token } = await TestAgent.enrolled();
    await stored(agent.id, (row) => row.status === "online");
    expect(await agentView(agent.id)).toMatchObject({ flapping: false });
    for (let closes = 0; closes < 2; closes++) {
      const { agent: again } = await TestAgent.online({ token });
      again.socket.close(1001);
      await recorded(agent.id, 4 + 2 * closes);
    }
    const { burst_at: burstAt } = await stored(agent.id, (row) => row.burst_at !== null);
    const flappingUntil = Number(burstAt) + 600_000;
    expect(await agentView(agent.id)).toMatchObject({ flapping: true, flappingUntil });
    expect((await api("GET", "/api/agents")).body).toContainEqual(
      expect.objectContaining({ id: agent.id, flapping: true }),
    );
    await env.DB.prepare("UPDATE agents SET burst_at = burst_at - 600000 WHERE id = ?").bind(agent.id).run();
    expect(await agentView(agent.id)).toMatchObject({ flapping: false, flappingUntil: null });
  });

  it("answers 404 for a removed agent, and its timeline is deleted", async () => {
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

/** The two transitions of a connection that began and ended. */
function beginAndEnd(online: Transition, generation: number, at: number): Transition[] {
  const began = { ...online, generation, since: at };
  return [began, { ...began, status: "offline", reason: "lost", since: at + 1, closeCode: 1006 }];
}

/** The first of `n` generations in a row after this connection, of which the last has the timeline pruned. */
function firstOf(n: number, { generation }: Transition): number {
  return Math.ceil((generation + n) / PRUNED_EVERY) * PRUNED_EVERY - n + 1;
}

/** The `i`-th generation from this one on whose end does not prune the timeline. */
function unpruned(first: number, i: number): number {
  return Math.ceil(first / PRUNED_EVERY) * PRUNED_EVERY + 1 + i;
}

describe("a registry of a version without timelines", () => {
  it("gets timelines that begin with the stored presence of each agent", async () => {
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
    // The new version starts. No socket survives that.
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
      Array.from({ length: n }, (_, i) => beginAndEnd(online, firstOf(n, online) + i, now + i)).flat();
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
      for (const transition of beginAndEnd(online, first + i, online.since + i)) {
        await writeTransitions(env.DB, "hub-0", [transition]);
      }
      most = Math.max(most, (await eventsOf(online.agentId)).length);
    }
    expect(most).toBeLessThan(200 + 2 * PRUNED_EVERY);
    expect(await recorded(online.agentId, 200)).toHaveLength(200);
  });

  it("deletes entries older than 30 days, but keeps one that lasted into this time", async () => {
    const online = await known();
    const now = Date.now();
    await env.DB.prepare("UPDATE events SET at = ?")
      .bind(now - 60 * DAY)
      .run();
    const days = [50, 40, 20].flatMap((ago, i) => beginAndEnd(online, firstOf(3, online) + i, now - ago * DAY));
    await writeTransitions(env.DB, "hub-0", days);
    expect((await eventsOf(online.agentId)).map(({ at, status }) => [Math.round((now - at) / DAY), status])).toEqual([
      [20, "offline"],
      [20, "online"],
      [40, "offline"],
      [40, "online"],
    ]);
  });

  it("overwrites the oldest entry if it is older than 30 days, and the connection after it too", async () => {
    const online = await known();
    const now = Date.now();
    const ages = [50, 45, 40, 20];
    const first = online.generation + 1;
    await env.DB.prepare("DELETE FROM events WHERE agent_id = ?").bind(online.agentId).run();
    const visits = ages.flatMap((ago, i) => beginAndEnd(online, unpruned(first, i), now - ago * DAY));
    await writeTransitions(env.DB, "hub-0", visits);
    const story = async () =>
      (await eventsOf(online.agentId)).map(({ at, status }) => `${Math.round((now - at) / DAY)} ${status}`);
    const before = ages.flatMap((ago) => [`${ago} online`, `${ago} offline`]).reverse();
    expect(await story()).toEqual(before);
    const [began, ended] = beginAndEnd(online, unpruned(first, 4), now);
    if (began === undefined || ended === undefined) throw new Error("no end");
    const rows = countRows();
    const write = async (transition: Transition) => {
      rows.written = 0;
      await writeTransitions(env.DB, "hub-0", [transition]);
      // One of the timeline, one of the agent.
      expect(rows.written).toBe(2);
    };
    await write(began);
    expect(await story()).toEqual(["0 online", ...before.slice(0, -2), "50 online"]);
    await write(ended);
    expect(await story()).toEqual(["0 offline", "0 online", ...before.slice(0, -2)]);
    for (const transition of beginAndEnd(online, unpruned(first, 5), now + 2)) await write(transition);
    // The connection that ended 40 days ago may be the last before the time to keep.
    expect((await story()).slice(4)).toEqual(["20 offline", "20 online", "40 offline", "40 online"]);
    rows.written = 0;
    await writeTransitions(env.DB, "hub-0", beginAndEnd(online, unpruned(first, 6), now + 4));
    expect((await story()).slice(4)).toEqual([
      ...["0 offline", "0 online", "20 offline", "20 online", "40 offline", "40 online"],
    ]);
  });

  it("ends in the same state if a batch that overwrites old entries is written twice", async () => {
    const online = await known();
    const now = Date.now();
    const first = online.generation + 1;
    for (const [i, ago] of [70, 60, 50, 40].entries()) {
      await writeTransitions(env.DB, "hub-0", beginAndEnd(online, unpruned(first, i), now - ago * DAY));
    }
    await env.DB.prepare("UPDATE events SET at = ? WHERE agent_id = ? AND generation = ?")
      .bind(now - 80 * DAY, online.agentId, online.generation)
      .run();
    const batch = beginAndEnd(online, unpruned(first, 4), now);
    await writeTransitions(env.DB, "hub-0", batch);
    const once = await eventsOf(online.agentId);
    await writeTransitions(env.DB, "hub-0", batch);
    expect(await eventsOf(online.agentId)).toEqual(once);
    expect(once.slice(0, 2)).toMatchObject([{ status: "offline" }, { status: "online" }]);
    expect(new Set(once.map(({ generation, status }) => `${generation} ${status}`)).size).toBe(once.length);
  });

  it("ends in the same state if a batch is written twice", async () => {
    const online = await known();
    const batch = beginAndEnd(online, online.generation + 1, Date.now());
    await writeTransitions(env.DB, "hub-0", batch);
    const once = await eventsOf(online.agentId);
    await writeTransitions(env.DB, "hub-0", batch);
    expect(await eventsOf(online.agentId)).toEqual(once);
    await stored(online.agentId, (row) => row.status === "offline" && row.reason === "lost");
  });

  it("never lets a connection that has ended begin again", async () => {
    const online = await known();
    const [began, ended] = beginAndEnd(online, online.generation + 1, Date.now());
    if (began === undefined || ended === undefined) throw new Error("no end");
    await writeTransitions(env.DB, "hub-0", [ended]);
    await writeTransitions(env.DB, "hub-0", [began]);
    await stored(online.agentId, (row) => row.status === "offline");
  });

  it("keeps the reason revoked if the end of the last connection is written after the revocation", async () => {
    const online = await known();
    await env.DB.prepare("UPDATE agents SET revoked_at = 1 WHERE id = ?").bind(online.agentId).run();
    const [, ended] = beginAndEnd(online, online.generation, Date.now());
    if (ended === undefined) throw new Error("no end");
    expect(await writeTransitions(env.DB, "hub-0", [ended])).toMatchObject({
      stale: [{ agentId: online.agentId, barred: 1 }],
    });
    await stored(online.agentId, (row) => row.reason === "revoked");
  });
});
