import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { agentId } from "../src/digest.ts";
import { admit, enrol } from "../src/registry/admission.ts";
import { dropSeparated, insertSeparated } from "../src/registry/clones.ts";
import { writeTransitions } from "../src/registry/transitions.ts";
import { api, HOST, refusal, stored, TestAgent } from "./manager.ts";
import { countRows, insertAgents, rowsOf } from "./rows.ts";
import { SOON } from "./soon.ts";

async function enrolment(maxUses = 10_000): Promise<{ id: string; token: string }> {
  return (await api("POST", "/api/admin/tokens", { maxUses })).body as { id: string; token: string };
}

const usesOf = (id: string) =>
  env.DB.prepare("SELECT uses FROM enrolments WHERE id = ?").bind(id).first<number>("uses");

/** Admits and enrols a host as the Worker and its hub do. */
async function enrolHost(enrolmentId: string, installId: string) {
  const caller = { installId, bootId: crypto.randomUUID(), address: null };
  const admission = await admit(env.DB, { kind: "enrolment", enrolmentId, tokenHash: "" }, caller);
  if (!admission.ok || admission.value.enrolment === null) return admission;
  return enrol(
    env.DB,
    admission.value,
    admission.value.enrolment,
    { name: installId, labels: [], host: HOST },
    { hash: "hash", keyId: "key" },
    Date.now(),
  );
}

describe.each([50, 1_000])("with %i agents of one enrolment", (count) => {
  it("one more enrols, and enrols again, at a fixed cost", async () => {
    const rows = countRows();
    const { id } = await enrolment();
    await insertAgents(id, count);
    const first = await rowsOf(rows, async () => expect(await enrolHost(id, "one-more")).toMatchObject({ ok: true }));
    expect(first.read).toBeLessThanOrEqual(7);
    // The agent, its three indexes, and the use.
    expect(first.written).toBeLessThanOrEqual(5);
    const again = await rowsOf(rows, async () => expect(await enrolHost(id, "one-more")).toMatchObject({ ok: true }));
    expect(again.read).toBeLessThanOrEqual(7);
    expect(again.written).toBeLessThanOrEqual(1);
    expect(await usesOf(id)).toBe(count + 1);
  });
});

describe.each([0, 200])("an agent with a timeline of %i transitions", (length) => {
  async function offlineAgent(since: number) {
    const { agent, token } = await TestAgent.enrolled();
    agent.socket.close(1000, "stopped");
    await stored(agent.id, ({ status }) => status === "offline");
    await env.DB.prepare("DELETE FROM events WHERE agent_id = ?").bind(agent.id).run();
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 / 2)
       INSERT INTO events (agent_id, generation, status, at)
       SELECT ?1, i, value, ?3 - 1000 * (?2 - i) FROM n, json_each('["online","offline"]') WHERE ?2 > 0`,
    )
      .bind(agent.id, length, since)
      .run();
    await env.DB.prepare("UPDATE agents SET since = ?2 WHERE id = ?1").bind(agent.id, since).run();
    return { id: agent.id, token };
  }

  /** Rows of a connect, from the admission to the flush, and of the disconnect after it, without those that the test reads. */
  async function cycle(since: number) {
    const { id, token } = await offlineAgent(since);
    const rows = countRows();
    const untilFlushed = () => vi.waitUntil(() => rows.statements.some((sql) => sql.includes("UPDATE agents")), SOON);
    let agent: TestAgent | undefined;
    const connect = await rowsOf(rows, async () => {
      ({ agent } = await TestAgent.online({ token }));
      await untilFlushed();
    });
    if (since < Date.now() - 600_000) {
      await env.DB.prepare("UPDATE agents SET since = ?2 WHERE id = ?1").bind(id, since).run();
    }
    const disconnect = await rowsOf(rows, async () => {
      agent?.socket.close(1000, "stopped");
      await untilFlushed();
    });
    return { connect, disconnect };
  }

  it("reads at most 5 rows when it connects, its admission included, and at most 4 when it disconnects", async () => {
    const { connect, disconnect } = await cycle(Date.now() - 3_600_000);
    expect(connect.read).toBeLessThanOrEqual(5);
    expect(connect.written).toBe(2);
    if (disconnect.statements.some((sql) => sql.startsWith("DELETE"))) return;
    expect(disconnect.read).toBeLessThanOrEqual(4);
    expect(disconnect.written).toBe(2);
  });

  it("reads 4 and 6 events more where it has come or gone within ten minutes, whether it flaps", async () => {
    const { connect, disconnect } = await cycle(Date.now() - 5_000);
    expect(connect.read).toBeLessThanOrEqual(9);
    if (disconnect.statements.some((sql) => sql.startsWith("DELETE"))) return;
    expect(disconnect.read).toBeLessThanOrEqual(10);
  });
});

describe.each([1, 20])("a flush of %i transitions", (count) => {
  it("reads at most 8 rows for each, and 4 for one alone", async () => {
    const { id } = await enrolment();
    await insertAgents(id, count, `flush${count}-`);
    const host = { version: "1.0.0", os: "linux", arch: "amd64", hostname: "host" };
    const now = Date.now();
    const transitions = Array.from({ length: count }, (_, n) => ({
      ...{ agentId: `flush${count}-${n + 1}`, generation: now, status: "online" as const, reason: null, since: now },
      ...{ lastSeen: now, connectedAt: now, address: null, host, closeCode: null },
    }));
    const rows = countRows();
    const { read } = await rowsOf(rows, () => writeTransitions(env.DB, "hub-0", transitions));
    expect(read).toBeLessThanOrEqual(count === 1 ? 4 : 8 * count + 1);
  });
});

describe("the uses of an enrolment", () => {
  it("are exact when hosts race for the last of them", async () => {
    const { id, token } = await enrolment(3);
    await insertAgents(id, 2);
    const agents = await Promise.all(
      Array.from({ length: 8 }, (_, n) => TestAgent.open({ token, installId: `the-racer-${n}` })),
    );
    const replies = await Promise.all(agents.map((agent) => agent.request("agent.register", HOST)));
    expect(replies.map(({ error }) => error?.code).toSorted()).toEqual([...Array(7).fill("enrolment_used"), undefined]);
    expect(await usesOf(id)).toBe(3);
    expect(await refusal({ token })).toEqual([403, "enrolment_used"]);
    // The one that won may come again.
    const winner = replies.findIndex(({ error }) => error === undefined);
    await TestAgent.online({ token, installId: `the-racer-${winner}` });
    expect(await usesOf(id)).toBe(3);
  });

  it("leave out separated agents, kept or dropped", async () => {
    const { id } = await enrolment(2);
    await enrolHost(id, "the-first");
    const from = await agentId(id, "the-first");
    for (const separated of ["separated-1", "separated-2"]) {
      await insertSeparated(env.DB, { id: separated + id, from, installId: "i", tokenHash: "hash", now: Date.now() });
    }
    expect(await usesOf(id)).toBe(1);
    expect(await dropSeparated(env.DB, `separated-1${id}`)).toBe(true);
    expect(await usesOf(id)).toBe(1);
    expect(await enrolHost(id, "the-first")).toMatchObject({ ok: false, error: { code: "enrolment_used" } });
    expect(await enrolHost(id, "the-second")).toMatchObject({ ok: true });
    expect(await enrolHost(id, "the-third")).toMatchObject({ ok: false, error: { code: "enrolment_used" } });
  });

  it("count agents that a version inserts and deletes which does not know them", async () => {
    const { id } = await enrolment(4);
    await insertAgents(id, 3);
    expect(await usesOf(id)).toBe(3);
    await env.DB.prepare("DELETE FROM agents WHERE enrolment_id = ? AND name LIKE '%-00001'").bind(id).run();
    expect(await usesOf(id)).toBe(2);
    await env.DB.prepare("UPDATE agents SET deleted_at = 1 WHERE enrolment_id = ?").bind(id).run();
    expect(await usesOf(id)).toBe(2);
    const { body } = await api("GET", "/api/admin/tokens");
    expect(body).toContainEqual(expect.objectContaining({ id, uses: 2 }));
  });

  it("are filled in by the migration", async () => {
    const { id } = await enrolment();
    await enrolHost(id, "the-first");
    const from = await agentId(id, "the-first");
    await insertSeparated(env.DB, { id: `separated${id}`, from, installId: "i", tokenHash: "h", now: 1 });
    const unused = await enrolment();
    for (const statement of [
      "DROP TRIGGER agent_uses_enrolment",
      "DROP TRIGGER agent_frees_enrolment",
      "DROP INDEX agents_by_origin",
      "ALTER TABLE enrolments DROP COLUMN uses",
    ]) {
      await env.DB.exec(statement);
    }
    await insertAgents(id, 20);
    const [migration] = env.MIGRATIONS.filter(({ name }) => name.startsWith("0008"));
    for (const statement of migration?.queries ?? []) await env.DB.prepare(statement).run();
    expect([await usesOf(id), await usesOf(unused.id)]).toEqual([21, 0]);
  });
});

describe.each([50, 1_000, 3_000])("with %i agents", (count) => {
  it("a page reads as many rows as it has agents, wherever it is", async () => {
    const { id } = await enrolment();
    await insertAgents(id, count, "page");
    const rows = countRows();
    const from = async (position: number, search = "") => {
      const name = `PAGE-${String(position).padStart(5, "0")}`;
      const cursor = btoa(JSON.stringify([name, `page${position}`]));
      let names: string[] = [];
      const { read } = await rowsOf(rows, async () => {
        const { body } = await api("GET", `/api/agents?limit=10${search}&cursor=${encodeURIComponent(cursor)}`);
        names = (body as { name: string }[]).map((agent) => agent.name);
      });
      return { read, first: names[0], length: names.length };
    };
    for (const position of [0, Math.floor(count / 2), count - 12]) {
      const first = `page-${String(position + 1).padStart(5, "0")}`;
      expect(await from(position)).toEqual({ read: expect.toSatisfy((read) => read <= 12), first, length: 10 });
      expect(await from(position, "&q=page-")).toMatchObject({
        read: expect.toSatisfy((read) => read <= 12),
        length: 10,
      });
    }
    await env.DB.prepare("DELETE FROM agents WHERE enrolment_id = ?").bind(id).run();
  });

  it("so it does where all have one name", async () => {
    const { id } = await enrolment();
    await insertAgents(id, count, "same");
    await env.DB.prepare("UPDATE agents SET name = iif(rowid % 2, 'Same', 'sAME') WHERE enrolment_id = ?")
      .bind(id)
      .run();
    const rows = countRows();
    const ids = Array.from({ length: count }, (_, n) => `same${n + 1}`).toSorted();
    const cursor = btoa(JSON.stringify(["same", ids[count - 12]]));
    const { read } = await rowsOf(rows, async () => {
      const { body } = await api("GET", `/api/agents?limit=10&cursor=${encodeURIComponent(cursor)}`);
      expect((body as { id: string }[]).map((agent) => agent.id)).toEqual(ids.slice(count - 11, count - 1));
    });
    expect(read).toBeLessThanOrEqual(12);
    await env.DB.prepare("DELETE FROM agents WHERE enrolment_id = ?").bind(id).run();
  });
});

describe.each([50, 1_000])("with %i audit events of others", (count) => {
  it("a page of an agent or an action reads its own events alone", async () => {
    const others = env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       INSERT INTO audit (at, via, action, target) SELECT i, 'password', 'agent.rename', 'other' FROM n`,
    ).bind(count);
    const own = env.DB.prepare(
      "INSERT INTO audit (at, via, action, target) VALUES (1, 'password', ?1, 'own'), (2, 'password', 'agent.rename', 'own')",
    ).bind(`rare.${count}`);
    await env.DB.batch([others, own, others]);
    const rows = countRows();
    for (const [filter, found] of [
      ["target=own", 2],
      [`action=rare.${count}`, 1],
      ["target=own&action=agent.rename", 1],
      ["limit=2", 2],
      ["limit=2&cursor=20", 2],
    ] as const) {
      const { read } = await rowsOf(rows, async () => {
        expect((await api("GET", `/api/audit?${filter}`)).body).toHaveLength(found);
      });
      // Those of the page, one more that tells of the next page, and the look into the table for each.
      expect(read, filter).toBeLessThanOrEqual(6);
    }
    await env.DB.prepare("DELETE FROM audit WHERE target IN ('own', 'other')").run();
  });
});
