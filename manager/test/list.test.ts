/** What the list of agents costs the hubs, and what it shows where a hub has been asked before a row was read. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Roster } from "../src/hub/roster.ts";
import { BASIC, fetchManager, hub, mintToken, stored, TestAgent } from "./manager.ts";
import { countRows, insertAgents } from "./rows.ts";
import { age } from "./time.ts";

afterEach(async () => {
  vi.restoreAllMocks();
  await env.DB.exec("DELETE FROM agents");
});

async function list(query: string) {
  const response = await fetchManager(`/api/agents?${query}`, { headers: { Authorization: BASIC } });
  expect(response.status).toBe(200);
  const next = response.headers.get("Link")?.match(/\?([^>]*)>/)?.[1] ?? null;
  return { agents: await response.json<{ id: string; name: string; status: string; reason: string | null }[]>(), next };
}

/** Questions to hubs: the number of agents asked about, "all" for all, and how many the answer was about. */
function spyOnHubs() {
  const questions: { about: number | "all"; answered: number }[] = [];
  const status = Roster.prototype.status;
  vi.spyOn(Roster.prototype, "status").mockImplementation(function (this: Roster, ids) {
    const answer = status.call(this, ids);
    questions.push({ about: ids?.length ?? "all", answered: answer.length });
    return answer;
  });
  return questions;
}

/** An agent of this name that is online. */
async function online(name: string): Promise<TestAgent> {
  const { agent } = await TestAgent.online({ token: await mintToken({ name }) });
  await env.DB.prepare("UPDATE agents SET name = ? WHERE id = ?").bind(name, agent.id).run();
  await stored(agent.id, ({ status }) => status === "online");
  return agent;
}

async function offline(count: number, prefix: string): Promise<void> {
  await mintToken();
  const enrolment = await env.DB.prepare("SELECT id FROM enrolments LIMIT 1").first<string>("id");
  await insertAgents(enrolment ?? "", count, prefix);
}

/** Leases over HTTP of agents that the registry has. */
async function beat(count: number, prefix: string): Promise<void> {
  const host = { version: "1.0.0", os: "linux", arch: "amd64", hostname: "host" };
  const generation = Date.now();
  const one = (agentId: string) => {
    const rest = { connectionId: null, candidateHash: null, separate: false, enrolment: null, address: null };
    const admission = { ...rest, agentId, known: { name: agentId, host }, generation, bootId: "boot-id-1" };
    return hub().heartbeat(admission, {});
  };
  await Promise.all(Array.from({ length: count }, (_, n) => one(`${prefix}${n + 1}`)));
}

describe.each([50, 1_000])("with %i agents online", (count) => {
  it("a page of 10 asks the hubs about the agents that are on it", async () => {
    const prefix = `p${count}-`;
    await offline(count, prefix);
    await beat(count, prefix);
    const questions = spyOnHubs();
    const { agents } = await list(`limit=10&q=${prefix}`);
    expect(agents.map(({ status }) => status)).toEqual(Array(10).fill("online"));
    for (const { about, answered } of questions) expect([about, answered]).toEqual([11, 11]);
    expect(questions).toHaveLength(1);

    // All at once are one question.
    questions.length = 0;
    expect((await list(`q=${prefix}`)).agents.every(({ status }) => status === "online")).toBe(true);
    expect(questions.map(({ about }) => about)).toEqual(["all"]);

    // A hub of an earlier version takes no notice of the ids, and answers of all.
    vi.restoreAllMocks();
    const status = Roster.prototype.status;
    vi.spyOn(Roster.prototype, "status").mockImplementation(function (this: Roster) {
      return status.call(this);
    });
    expect((await list(`limit=10&q=${prefix}`)).agents.map(({ id }) => id)).toEqual(agents.map(({ id }) => id));
  });
});

describe("a filter by status", () => {
  it("asks the hubs once, however many rows it passes over", async () => {
    await offline(3_500, "far-");
    await online("far-zz");
    const questions = spyOnHubs();
    const rows = countRows();
    expect((await list("status=online&limit=1&q=far-")).agents.map(({ name }) => name)).toEqual(["far-zz"]);
    expect(questions.map(({ about }) => about)).toEqual(["all"]);
    expect(rows.read).toBeLessThan(1.1 * 3_501 + 100);
  });

  it("shows an agent that has come or gone since the hubs were asked as it is", async () => {
    await offline(1_500, "since-");
    const comes = await online("since-zy");
    const goes = await online("since-zz");
    const [left] = await hub().status(goes.id);
    if (left === undefined) throw new Error("not live");
    goes.socket.close(1000, "stopped");
    await stored(goes.id, ({ status }) => status === "offline");
    const status = Roster.prototype.status;
    // What the hub would have said a moment ago.
    vi.spyOn(Roster.prototype, "status").mockImplementation(function (this: Roster, ids) {
      const answer = status.call(this, ids);
      return ids === undefined ? [...answer.filter(({ agentId }) => agentId !== comes.id), left] : answer;
    });
    const shown = async (query: string) => (await list(`${query}&limit=5&q=since-z`)).agents.map(({ id }) => id);
    // The first rows are read before the hubs are asked, so these two have to be among later ones.
    const { agents } = await list("status=online&limit=5&q=since-");
    expect(agents.map(({ id }) => id)).toEqual([comes.id]);
    vi.restoreAllMocks();
    expect(await shown("status=offline")).toEqual([goes.id]);
  });

  it("reads 10,000 rows for a page at most; the next page goes on from there", async () => {
    await offline(11_000, "wide-");
    await online("wide-zz");
    const rows = countRows();
    const first = await list("status=online&limit=1&q=wide-");
    expect(first.agents).toEqual([]);
    expect(rows.read).toBeLessThan(1.1 * 10_000 + 100);
    const second = await list(first.next ?? "");
    expect([second.agents.map(({ name }) => name), second.next]).toEqual([["wide-zz"], null]);
  });
});

it("asks no hub for the list as the database has it", async () => {
  const agent = await online("recorded-online");
  await offline(1, "recorded-offline");
  // The database does not know of a late agent.
  await age(agent, 36_000);
  const questions = spyOnHubs();
  const read = async (query: string) => {
    const headers = { Authorization: BASIC, "Zedops-Recorded": "true" };
    const response = await fetchManager(`/api/agents?q=recorded-&${query}`, { headers });
    return (await response.json<{ name: string; status: string; reason: string | null }[]>()).map(
      ({ name, status, reason }) => [name, status, reason],
    );
  };
  const recorded = [
    ["recorded-offline-00001", "offline", "never_connected"],
    ["recorded-online", "online", null],
  ];
  expect(await read("limit=1000")).toEqual(recorded);
  expect(await read("limit=1000&status=online")).toEqual(recorded.slice(1));
  expect(await read("")).toEqual(recorded);
  expect(questions).toEqual([]);
  expect((await list("limit=10&q=recorded-online")).agents).toMatchObject([{ status: "online", reason: "late" }]);
  expect(questions).toHaveLength(1);
});
