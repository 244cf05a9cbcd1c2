import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { sha256Hex } from "../src/digest.ts";
import { storeTokenKey } from "../src/registry/token-keys.ts";
import { keyIdOf, mintAgentToken } from "../src/tokens.ts";
import { api, TestAgent } from "./manager.ts";
import { countRows, type Rows, rowsOf } from "./rows.ts";

interface Keys {
  current: string;
  previous: string | null;
  hubs: { name: string; current: string | null }[];
  agents: { keyId: string | null; agents: number }[];
}

const keys = async () => (await api("GET", "/api/admin/signing-keys")).body as Keys;
const ofOtherKeys = async () => (await api("GET", "/api/admin/signing-keys/agents")).body as { id: string }[];

let agent: TestAgent;
beforeEach(async () => {
  // The agents of the tests before do not count.
  await env.DB.prepare("UPDATE agents SET revoked_at = 1").run();
  ({ agent } = await TestAgent.enrolled());
});

/** Gives the agent a token that another secret signed, as before a change of JWT_SECRET. */
async function giveTokenOf(secret: string, knowsKey: boolean): Promise<string> {
  const old = await mintAgentToken({ JWT_SECRET: secret }, agent.id);
  const columns = knowsKey ? "" : ", key_id = NULL, keyed_hash = NULL";
  await env.DB.prepare(`UPDATE agents SET token_hash = ?${columns} WHERE id = ?`)
    .bind(await sha256Hex(old), agent.id)
    .run();
  return old;
}

it("tells the key of every hub, and that an agent which has just enrolled has a token of it", async () => {
  const { current, previous, hubs, agents } = await keys();
  expect(current).toMatch(/^[0-9a-f]{16}$/);
  expect(previous).toBeNull();
  expect(hubs).toEqual([{ name: "hub-0", current }]);
  expect(agents).toEqual([{ keyId: current, agents: 1 }]);
  expect(await ofOtherKeys()).toEqual([]);
});

it("does not believe the stored key if a release that does not know it has replaced the token", async () => {
  await giveTokenOf(env.JWT_SECRET, true);
  expect((await keys()).agents).toEqual([{ keyId: null, agents: 1 }]);
  expect(await ofOtherKeys()).toMatchObject([{ id: agent.id, name: "edge-7", keyId: null }]);
});

it("learns the key when the agent first shows its token, with one row, and not again", async () => {
  const old = await giveTokenOf(env.JWT_SECRET, false);
  expect(await ofOtherKeys()).toHaveLength(1);
  const rows = countRows();
  const stores = ({ statements }: Rows) => statements.filter((statement) => statement.includes("SET key_id")).length;
  expect(stores(await rowsOf(rows, () => TestAgent.online({ token: old })))).toBe(1);
  expect(await ofOtherKeys()).toEqual([]);
  expect(stores(await rowsOf(rows, () => TestAgent.online({ token: old })))).toBe(0);

  const hash = await sha256Hex(old);
  const again = await rowsOf(rows, () => storeTokenKey(env.DB, agent.id, hash, keyIdOf(old)));
  expect(again).toMatchObject({ read: 1, written: 1 });
});

it("follows a rotation when the agent is back with its new token", async () => {
  await env.DB.prepare("UPDATE agents SET key_id = 'of-another' WHERE id = ?").bind(agent.id).run();
  const answer = api("POST", `/api/agents/${agent.id}/rotate`);
  const offer = await agent.next((message) => message.subject === "agent.rotate");
  agent.send({ subject: offer.reply ?? "", data: {} });
  await answer;
  expect(await ofOtherKeys()).toMatchObject([{ id: agent.id, keyId: "of-another" }]);
  await TestAgent.online({ token: (offer.data as { token: string }).token });
  const { current, agents } = await keys();
  expect(agents).toEqual([{ keyId: current, agents: 1 }]);
});

it("lists in pages, and leaves out agents whose tokens are refused anyway", async () => {
  const others = [await TestAgent.enrolled(), await TestAgent.enrolled()];
  await env.DB.prepare("UPDATE agents SET key_id = NULL WHERE revoked_at IS NULL").run();
  const ids = [agent.id, ...others.map(({ agent }) => agent.id)].toSorted();
  const first = await api("GET", "/api/admin/signing-keys/agents?limit=2");
  expect(first.body).toMatchObject([{ id: ids[0] }, { id: ids[1] }]);
  const second = await api("GET", `/api/admin/signing-keys/agents?limit=2&cursor=${ids[1]}`);
  expect(second.body).toMatchObject([{ id: ids[2] }]);
  await api("POST", `/api/agents/${ids[0]}/revoke`);
  await api("DELETE", `/api/agents/${ids[1]}`);
  expect(await ofOtherKeys()).toMatchObject([{ id: ids[2] }]);
});
