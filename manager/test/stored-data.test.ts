/**
 * If another version of the manager stored a value that this one cannot read, one agent reconnects once. The hub goes
 * on.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HubStore } from "../src/hub/store.ts";
import { agentView, api, fetchManager, hub, shown, stored, TestAgent } from "./manager.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const sql = (text: string, ...values: (string | number)[]) =>
  runInDurableObject(hub(), (_, ctx) => ctx.storage.sql.exec(text, ...values).toArray());

/** Loads the hub as after a sweep of an earlier release: it reads every row and every socket. */
async function reload(): Promise<void> {
  await sql("UPDATE sweep SET known = NULL");
  await evictDurableObject(hub());
}

/** Values that this version cannot have written. */
const UNREADABLE: [string, unknown][] = [
  ["another shape", { version: 9, agent: "k3v" }],
  ["a field of another type", { id: "c", admission: "opaque", connectedAt: "yesterday" }],
  ["a list", [1, 2, 3]],
  ["a text", "state"],
  ["nothing", null],
];

describe("an attachment that cannot be read", () => {
  it.each(UNREADABLE)("%s makes only its own agent reconnect, once", async (_, attachment) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent, token } = await TestAgent.enrolled();
    const { agent: other } = await TestAgent.enrolled();
    await runInDurableObject(hub(), (_, ctx) => {
      for (const socket of ctx.getWebSockets(agent.connection)) socket.serializeAttachment(attachment);
    });
    await evictDurableObject(hub());
    expect((await other.request("test.echo", 1)).data).toBe(1);
    expect(await agent.untilClosed()).toEqual({ code: 4503, reason: "going_away" });
    await shown(agent.id, ({ status, reason }) => status === "offline" && reason === "manager_restart");
    const { agent: back } = await TestAgent.online({ token });
    expect(back.id).toBe(agent.id);
    expect(await sql("SELECT source, id FROM unreadable ORDER BY seq DESC LIMIT 1")).toEqual([
      { source: "attachment", id: agent.connection },
    ]);
  });
});

describe("an attachment that has no form in JSON", () => {
  it.each<[string, () => unknown]>([
    ["a big integer", () => ({ v: 2, generation: 1n })],
    [
      "a value that contains itself",
      () => {
        const value: { self?: unknown } = {};
        value.self = value;
        return value;
      },
    ],
    ["a map", () => new Map([["id", "c"]])],
  ])("costs its agent one reconnect, and no other: %s", async (_, attachment) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent } = await TestAgent.enrolled();
    const { agent: other } = await TestAgent.enrolled();
    await runInDurableObject(hub(), (_, ctx) => {
      for (const socket of ctx.getWebSockets(agent.connection)) socket.serializeAttachment(attachment());
    });
    await evictDurableObject(hub());
    expect((await other.request("test.echo", 1)).data).toBe(1);
    expect(await agent.untilClosed()).toEqual({ code: 4503, reason: "going_away" });
  });
});

describe("a row that cannot be read", () => {
  it.each(UNREADABLE)("of a connection, %s, is set aside, and the agents stay connected", async (_, state) => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent } = await TestAgent.enrolled();
    await sql("INSERT INTO connections (id, state) VALUES ('of-another', ?)", JSON.stringify(state));
    await sql("UPDATE connections SET state = ? WHERE id = ?", JSON.stringify(state), agent.connection);
    await reload();
    expect((await agent.request("test.echo", 1)).data).toBe(1);
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    expect(await sql("SELECT id FROM connections WHERE id = 'of-another'")).toEqual([]);
    expect(errors.mock.calls.some(([line]) => String(line).includes("of-another"))).toBe(true);
    expect(errors.mock.calls.some(([line]) => String(line).includes("yesterday"))).toBe(false);
  });

  it("is set aside if it is not JSON", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent } = await TestAgent.enrolled();
    await sql("UPDATE connections SET state = '{' WHERE id = ?", agent.connection);
    await reload();
    expect((await agent.request("test.echo", 1)).data).toBe(1);
  });

  it.each(UNREADABLE)("of the outbox, %s, is set aside, and the others reach the registry", async (_, transition) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, ({ status }) => status === "online");
    await sql("INSERT INTO outbox (transition) VALUES (?)", JSON.stringify(transition));
    await evictDurableObject(hub());
    await hub().status();
    agent.socket.close(1000, "stopped");
    await stored(agent.id, ({ reason }) => reason === "stopped");
    expect(await sql("SELECT * FROM outbox")).toEqual([]);
    expect(await sql("SELECT text FROM unreadable WHERE source = 'outbox' ORDER BY seq DESC LIMIT 1")).toEqual([
      { text: JSON.stringify(transition) },
    ]);
  });

  it("of a replaced host does not prevent a connection", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent, token } = await TestAgent.enrolled();
    await TestAgent.online({ token });
    await sql("UPDATE displaced SET host = '[]' WHERE agent_id = ?", agent.id);
    const { agent: third } = await TestAgent.online({ token });
    expect(await agentView(third.id)).toMatchObject({ status: "online" });
  });

  it("is kept; older ones than the latest hundred are deleted", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    for (let n = 0; n < 120; n++) await sql("INSERT INTO connections (id, state) VALUES (?, '[]')", `bad-${n}`);
    await reload();
    await hub().status();
    expect(await sql("SELECT count(*) AS n FROM unreadable")).toEqual([{ n: 100 }]);
  });
});

describe("the tables of an earlier release", () => {
  const EARLIER = `
    CREATE TABLE IF NOT EXISTS connections (id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS sweep (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;`;

  it("are given their present form, and keep their rows", async () => {
    const { agent } = await TestAgent.enrolled();
    const rows = await sql("SELECT id, state FROM connections ORDER BY id");
    await runInDurableObject(hub(), (_, ctx) => {
      ctx.storage.sql.exec(`DROP TABLE connections; DROP TABLE sweep; ${EARLIER}`);
      for (const { id, state } of rows) ctx.storage.sql.exec("INSERT INTO connections VALUES (?, ?)", id, state);
      ctx.storage.sql.exec("INSERT INTO sweep (id, at) VALUES (1, 5)");
    });
    await evictDurableObject(hub());
    expect((await agent.request("test.echo", 1)).data).toBe(1);
    expect(await sql("SELECT id, state FROM connections ORDER BY id")).toEqual(rows);
    const [table] = await sql("SELECT sql FROM sqlite_master WHERE name = 'connections'");
    expect(table?.sql).toContain("WITHOUT ROWID");
    expect(await sql("SELECT at, known FROM sweep")).toEqual([{ at: 5, known: null }]);
  });

  it("are served by its own statements after a rollback, and the next release reads everything anew", async () => {
    const { agent } = await TestAgent.enrolled();
    await evictDurableObject(hub());
    await runDurableObjectAlarm(hub());
    const [{ known } = { known: null }] = await sql("SELECT known FROM sweep");
    expect(JSON.parse(String(known))).toMatchObject({ v: 1, untagged: 0 });
    await runInDurableObject(hub(), (_, ctx) => {
      const { sql } = ctx.storage;
      sql.exec(EARLIER);
      sql.exec("INSERT OR REPLACE INTO connections (id, state) VALUES ('earlier', '{}')");
      sql.exec("INSERT OR REPLACE INTO connections (id, state) VALUES ('earlier', '[]')");
      expect(sql.exec("SELECT id, state FROM connections WHERE id = 'earlier'").one().state).toBe("[]");
      sql.exec("DELETE FROM connections WHERE id = ?", "earlier");
      sql.exec("INSERT OR REPLACE INTO sweep (id, at) VALUES (1, ?)", Date.now());
    });
    expect(await sql("SELECT known FROM sweep")).toEqual([{ known: null }]);
    await evictDurableObject(hub());
    expect((await agent.request("test.echo", 1)).data).toBe(1);
  });
});

describe("a column of the registry that cannot be read", () => {
  it("counts as null: the agent is shown without its clone, alone and in the list", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent } = await TestAgent.enrolled();
    for (const clone of ["{", "[]", '{"at":"now"}', '"clone"']) {
      await env.DB.prepare("UPDATE agents SET clone = ? WHERE id = ?").bind(clone, agent.id).run();
      expect(await agentView(agent.id)).toMatchObject({ status: "online", clone: null });
      expect((await api("GET", "/api/agents")).status).toBe(200);
    }
  });

  it("counts as null: the entry of the audit trail is shown without its detail", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    for (const detail of ["{", "[1]", '{"name":{"deep":1}}', '"text"']) {
      await env.DB.prepare("INSERT INTO audit (at, via, action, detail) VALUES (1, 'password', 'agent.x', ?)")
        .bind(detail)
        .run();
      const { status, body } = await api("GET", "/api/audit?limit=1");
      expect([status, body]).toMatchObject([200, [{ action: "agent.x", detail: null }]]);
    }
  });

  it("differs from a value of the previous release, which has no version but can be read", async () => {
    await env.DB.prepare(
      `INSERT INTO audit (at, via, action, detail) VALUES (1, 'password', 'agent.rename', '{"name":"edge-7"}')`,
    ).run();
    expect((await api("GET", "/api/audit?limit=1")).body).toMatchObject([{ detail: { name: "edge-7" } }]);
    const { agent } = await TestAgent.enrolled();
    const host = (bootId: string) => ({ bootId, address: null, hostname: "edge-7", seenAt: 1 });
    const clone = JSON.stringify({ at: Date.now(), first: host("a"), second: host("b") });
    await env.DB.prepare("UPDATE agents SET clone = ? WHERE id = ?").bind(clone, agent.id).run();
    expect(await agentView(agent.id)).toMatchObject({ clone: { first: { hostname: "edge-7" } } });
  });
});

describe("a fault while a hub is loaded", () => {
  it("makes the hub's agents reconnect, and the hub goes on", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent, token } = await TestAgent.enrolled();
    vi.spyOn(HubStore.prototype, "connections").mockImplementation(() => {
      throw new Error("injected");
    });
    await reload();
    await hub().status();
    expect(await agent.untilClosed()).toEqual({ code: 4503, reason: "going_away" });
    const { agent: back } = await TestAgent.online({ token });
    expect((await back.request("test.echo", 1)).data).toBe(1);
    vi.restoreAllMocks();
    await evictDurableObject(hub());
    expect((await back.request("test.echo", 2)).data).toBe(2);
  });
});

describe("a transition that the registry rejects", () => {
  it("is parked, counted and listed, and the others are written", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { agent } = await TestAgent.enrolled();
    const [live] = await hub().status(agent.id);
    if (live === undefined) throw new Error("not live");
    await stored(agent.id, ({ status }) => status === "online");
    // The table is STRICT, so it rejects a time with a fraction.
    const bad = { ...live, generation: live.generation + 1, reason: null, closeCode: null, since: 1.5 };
    await sql("INSERT INTO outbox (transition) VALUES (?)", JSON.stringify(bad));
    await evictDurableObject(hub());
    const { agent: other } = await TestAgent.enrolled();
    for (let tries = 0; tries < 3; tries++) await runDurableObjectAlarm(hub());
    await stored(other.id, ({ status }) => status === "online");
    await vi.waitUntil(async () => (await sql("SELECT * FROM outbox")).length === 0, { timeout: 30_000 });

    const { status, body } = await api("GET", "/api/admin/parked");
    expect([status, body]).toMatchObject([
      200,
      [
        {
          at: expect.any(Number),
          error: expect.stringContaining("INTEGER"),
          transition: expect.stringContaining("1.5"),
        },
      ],
    ]);
    expect(await (await fetchManager("/healthz")).json()).toEqual({ status: "ok", parkedTransitions: 1 });

    expect((await api("DELETE", "/api/admin/parked")).status).toBe(204);
    expect((await api("GET", "/api/admin/parked")).body).toEqual([]);
    expect(await env.DB.prepare("SELECT parked FROM hubs WHERE name = 'hub-0'").first("parked")).toBe(0);
    expect((await api("GET", "/api/audit?limit=1")).body).toMatchObject([{ action: "parked.forget" }]);
  });
});

describe("GET /healthz", () => {
  it("asks the registry once for all who ask at the same time, and waits for it no longer than a second", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    vi.setSystemTime(Date.now() + 60_000);
    try {
      const answers = await Promise.all(Array.from({ length: 30 }, () => fetchManager("/healthz")));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      expect(prepare.mock.calls.filter(([sql]) => sql.includes("sum(parked)")).length).toBeLessThanOrEqual(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
