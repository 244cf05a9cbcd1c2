import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import worker from "../src/index.ts";
import {
  agentView,
  api,
  BASIC,
  fetchManager,
  HOST,
  hub,
  mintToken,
  ORIGIN,
  refusal,
  shown,
  stored,
  TestAgent,
  type UpgradeOptions,
  upgrade,
} from "./manager.ts";
import { untilMinuteHasRoom } from "./minute.ts";
import { hideRegistry, showRegistry } from "./registry.ts";
import { SOON } from "./soon.ts";

interface ListedToken {
  id: string;
  status: string;
  uses: number;
  secondsLeft: number;
  agents: { id: string; name: string }[];
}

async function listed(id: string): Promise<ListedToken | undefined> {
  const { status, body } = await api("GET", "/api/admin/tokens");
  expect(status).toBe(200);
  return (body as ListedToken[]).find((token) => token.id === id);
}

describe("an enrolment token in the list", () => {
  it("shows its uses, its remaining life and its agents, but never the token itself", async () => {
    const { body } = await api("POST", "/api/admin/tokens", { name: "rack 4", maxUses: 2, ttlSeconds: 120 });
    const { id, token } = body as { id: string; token: string };
    expect(await listed(id)).toMatchObject({ status: "active", uses: 0, maxUses: 2, name: "rack 4", agents: [] });
    expect((await listed(id))?.secondsLeft).toBeGreaterThan(100);

    const { agent: first } = await TestAgent.online({ token, installId: "rack-4-host-1" });
    await TestAgent.online({ token, installId: "rack-4-host-1" });
    expect(await listed(id)).toMatchObject({ status: "active", uses: 1, agents: [{ id: first.id }] });
    await TestAgent.online({ token, installId: "rack-4-host-2" });
    expect(await listed(id)).toMatchObject({ status: "used", uses: 2, secondsLeft: 0 });

    await env.DB.prepare("UPDATE enrolments SET expires_at = 1, max_uses = 3 WHERE id = ?").bind(id).run();
    expect(await listed(id)).toMatchObject({ status: "expired", secondsLeft: 0 });
    expect(JSON.stringify((await api("GET", "/api/admin/tokens")).body)).not.toContain(token);
  });

  it("can be revoked: then no host can enrol with it, and its agents stay", async () => {
    const { body } = await api("POST", "/api/admin/tokens", { maxUses: 5 });
    const { id, token } = body as { id: string; token: string };
    const { agent, token: own } = await TestAgent.online({ token, installId: "before-revocation" });
    const waiting = await TestAgent.open({ token, installId: "during-revocation" });

    expect((await api("DELETE", `/api/admin/tokens/${id}`)).status).toBe(204);
    expect((await api("DELETE", `/api/admin/tokens/${id}`)).status).toBe(204);
    expect(await listed(id)).toMatchObject({ status: "revoked", uses: 1 });
    expect(await refusal({ token, installId: "after-revocation" })).toEqual([403, "enrolment_revoked"]);
    expect(await refusal({ token, installId: "before-revocation" })).toEqual([403, "enrolment_revoked"]);
    const late = await waiting.request("agent.register", {
      ...{ protocol: 1, version: "1", os: "linux", arch: "arm64", hostname: "late" },
    });
    expect(late.error?.code).toBe("enrolment_revoked");
    expect((await agent.request("test.echo", 1)).data).toBe(1);
    expect((await TestAgent.online({ token: own ?? "" })).agent.id).toBe(agent.id);
  });

  it("lists only the newest of many agents, but counts all of them", async () => {
    const { body } = await api("POST", "/api/admin/tokens", { maxUses: 10_000 });
    const { id } = body as { id: string };
    const insert = env.DB.prepare(
      `INSERT INTO agents (id, enrolment_id, install_id, name, token_hash, created_at, generation, status, since, version,
         os, arch, hostname)
       SELECT ?1 || value, ?1, value, ?2 || value, '', value, 0, 'offline', 0, '', '', '', '' FROM json_each(?3)`,
    );
    const numbers = JSON.stringify(Array.from({ length: 10_000 }, (_, n) => n));
    await insert.bind(id, "🖥".repeat(30), numbers).run();
    const token = await listed(id);
    expect(token).toMatchObject({ status: "used", uses: 10_000, maxUses: 10_000 });
    expect(token?.agents).toHaveLength(100);
    expect(token?.agents[0]).toEqual({ id: `${id}9999`, name: `${"🖥".repeat(30)}9999` });
    expect(token?.agents[99]?.id).toBe(`${id}9900`);
    await env.DB.prepare("DELETE FROM agents WHERE enrolment_id = ?").bind(id).run();
  });

  it("is answered with unknown_token if it does not exist", async () => {
    expect(await api("DELETE", "/api/admin/tokens/nope")).toMatchObject({
      status: 404,
      body: { error: { code: "unknown_token" } },
    });
  });
});

describe("a revoked agent", () => {
  it("is disconnected at once and refused for good, and its record stays", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const before = performance.now();
    expect(await api("POST", `/api/agents/${agent.id}/revoke`)).toMatchObject({
      status: 200,
      body: { status: "offline", reason: "revoked" },
    });
    expect(await agent.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(await refusal({ token })).toEqual([403, "agent_revoked"]);
    expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "revoked" });
    expect((await api("POST", `/api/agents/${agent.id}/revoke`)).status).toBe(200);
    expect((await api("POST", "/api/agents/nobody/revoke")).status).toBe(404);
  });

  it("is shown with the reason revoked even if it was offline before", async () => {
    const { agent, token } = await TestAgent.enrolled();
    agent.socket.close(1000, "stopped");
    await vi.waitUntil(async () => (await agentView(agent.id)).reason === "stopped", SOON);
    await api("POST", `/api/agents/${agent.id}/revoke`);
    expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "revoked" });
    expect((await upgrade({ token })).status).toBe(403);
  });

  it("is shown with the reason revoked before its hub's transition is in the registry", async () => {
    const { agent } = await TestAgent.enrolled();
    await stored(agent.id, ({ status }) => status === "online");
    await env.DB.prepare("UPDATE agents SET revoked_at = 1 WHERE id = ?").bind(agent.id).run();
    agent.socket.close(1000, "stopped");
    expect(await shown(agent.id, ({ status }) => status === "offline")).toMatchObject({
      reason: "revoked",
      revokedAt: 1,
    });
  });
});

describe("rate limits", () => {
  /** Sends requests until 429 comes, which must be soon after as many as the limit allows. Returns the earlier answers. */
  async function untilRefused(limit: number, attempt: (n: number) => Promise<number>): Promise<number | undefined> {
    await untilMinuteHasRoom();
    const before = new Set<number>();
    for (let n = 0; n <= limit + 2; n++) {
      const status = await attempt(n);
      if (status === 429) {
        expect(n).toBeGreaterThanOrEqual(limit - 1);
        expect(before.size).toBe(1);
        return [...before][0];
      }
      before.add(status);
    }
    return undefined;
  }

  const JSON_TYPE = { "Content-Type": "application/json" };
  const basic = (password: string) => ({ Authorization: `Basic ${btoa(`admin:${password}`)}` });

  it("lock out an address after too many wrong passwords, even with the right one, and no other address", async () => {
    const guesser = { "CF-Connecting-IP": "198.51.100.66" };
    const guess = (password: string) => fetchManager("/api/agents", { headers: { ...guesser, ...basic(password) } });
    expect(await untilRefused(20, async (n) => (await guess(`guess ${n}`)).status)).toBe(401);
    const right = await guess(env.ADMIN_PASSWORD);
    expect(right.status).toBe(429);
    expect(right.headers.get("Retry-After")).toBe("60");
    expect(await right.json()).toMatchObject({ error: { code: "too_many_requests" } });
    const logIn = (address: string) =>
      fetchManager("/api/session", {
        method: "POST",
        headers: { ...JSON_TYPE, "CF-Connecting-IP": address },
        body: JSON.stringify({ password: env.ADMIN_PASSWORD }),
      });
    expect((await logIn("198.51.100.66")).status).toBe(429);
    expect((await logIn("198.51.100.67")).status).toBe(204);
  });

  it("lock out an IPv6 network after too many wrong passwords from different addresses of it", async () => {
    const guess = (address: string, password: string) =>
      fetchManager("/api/agents", { headers: { "CF-Connecting-IP": address, ...basic(password) } });
    const guessed = await untilRefused(20, async (n) => {
      const spelt = n % 2 === 0 ? `2001:db8::${n}:9` : `2001:0DB8:0:0:aaaa:bbbb:cccc:${n}`;
      return (await guess(spelt, `guess ${n}`)).status;
    });
    expect(guessed).toBe(401);
    expect((await guess("2001:db8::ffff:1:2:3", env.ADMIN_PASSWORD)).status).toBe(429);
    expect((await guess("2001:db8:0:1::1", env.ADMIN_PASSWORD)).status).toBe(200);
  });

  const beat = async (token: string, headers: Record<string, string> = {}) => {
    const own = { ...headers, ...JSON_TYPE, Authorization: `Bearer ${token}` };
    return (await fetchManager("/api/agent/heartbeat", { method: "POST", headers: own, body: "{}" })).status;
  };

  it("do not apply to tokens with a bad signature, and do not slow good tokens of the same address", async () => {
    const headers = { "CF-Connecting-IP": "198.51.100.77" };
    const good = await TestAgent.enrolled();
    const [head, claims] = good.token.split(".");
    for (let n = 0; n < 200; n++) {
      expect(await refusal({ token: n % 2 === 0 ? "a.b.c" : `${head}.${claims}.${n}`, headers })).toEqual([
        401,
        "invalid_token",
      ]);
    }
    expect(await refusal({ headers })).toEqual([401, "missing_token"]);
    expect((await upgrade({ token: good.token, headers })).status).toBe(101);
  });

  it("are not needed for a refused token: the same refusal is repeated without the registry", async () => {
    const mint = async () => (await api("POST", "/api/admin/tokens")).body as { id: string; token: string };
    const revoked = await TestAgent.enrolled();
    await api("POST", `/api/agents/${revoked.agent.id}/revoke`);
    const removed = await TestAgent.enrolled();
    await api("DELETE", `/api/agents/${removed.agent.id}`);
    const withdrawn = await mint();
    await api("DELETE", `/api/admin/tokens/${withdrawn.id}`);
    const used = await mint();
    await TestAgent.online({ token: used.token, installId: "its-one-host" });
    const refusals: [string, [number, string]][] = [
      [revoked.token, [403, "agent_revoked"]],
      [removed.token, [403, "agent_removed"]],
      [withdrawn.token, [403, "enrolment_revoked"]],
      [used.token, [403, "enrolment_used"]],
    ];
    const installId = "refused-host";
    for (const [token, expected] of refusals) expect(await refusal({ token, installId })).toEqual(expected);
    await hideRegistry();
    try {
      for (const [token, expected] of refusals) {
        for (let n = 0; n < 50; n++) expect(await refusal({ token, installId })).toEqual(expected);
      }
      expect(await beat(revoked.token)).toBe(403);
      expect((await upgrade({ token: used.token, installId: "its-one-host" })).status).toBe(503);
    } finally {
      await showRegistry();
    }
    // The same token, sent by the host that enrolled with it.
    expect((await upgrade({ token: used.token, installId: "its-one-host" })).status).toBe(101);
  });

  it("limit one token with many install ids, but not a revoked agent at the same address", async () => {
    const headers = { "CF-Connecting-IP": "198.51.100.78" };
    const revoked = await TestAgent.enrolled();
    await api("POST", `/api/agents/${revoked.agent.id}/revoke`);
    const good = await TestAgent.enrolled();
    const token = await mintToken();
    await TestAgent.online({ token, installId: "the-one-host" });
    const flood = async (n: number) => (await upgrade({ token, installId: `flooding-host-${n}`, headers })).status;
    expect(await untilRefused(60, flood)).toBe(403);
    await hideRegistry();
    try {
      expect(await refusal({ token, installId: "flooding-host-0", headers })).toEqual([403, "enrolment_used"]);
      expect(await refusal({ token, installId: "a-new-host", headers })).toEqual([429, "too_many_requests"]);
    } finally {
      await showRegistry();
    }
    expect(await refusal({ token: revoked.token, headers })).toEqual([403, "agent_revoked"]);
    expect((await upgrade({ token: good.token, headers })).status).toBe(101);
    expect((await upgrade({ token, installId: "the-one-host" })).status).toBe(101);
  });

  it("limit beats over HTTP before the registry or a hub is called, and only for one agent", async () => {
    const headers = { "CF-Connecting-IP": "198.51.100.79" };
    const { agent, token } = await TestAgent.enrolled();
    const other = await TestAgent.enrolled();
    const before = await hub().status(agent.id);
    expect(await untilRefused(20, () => beat(token, headers))).toBe(200);
    await hideRegistry();
    try {
      expect(await beat(token, headers)).toBe(429);
      expect(await beat(token, { "CF-Connecting-IP": "198.51.100.80" })).toBe(429);
    } finally {
      await showRegistry();
    }
    expect(await hub().status(agent.id)).toMatchObject([{ generation: before[0]?.generation, status: "online" }]);
    expect(await beat(other.token, headers)).toBe(200);
    expect((await upgrade({ token, headers })).status).toBe(101);
    await api("POST", `/api/agents/${agent.id}/revoke`);
    expect(await refusal({ token })).toEqual([403, "agent_revoked"]);
    expect(await beat(token, headers)).toBe(403);
  });

  it("limit the connections of one agent before its hub is called, but not many agents at one address", async () => {
    const headers = { "CF-Connecting-IP": "198.51.100.88" };
    const attempt = async (options: UpgradeOptions) => {
      const response = await upgrade({ ...options, headers });
      response.webSocket?.accept();
      response.webSocket?.close();
      return response.status;
    };
    const { token } = await TestAgent.enrolled();
    expect(await untilRefused(30, () => attempt({ token }))).toBe(101);
    const overHttp = await TestAgent.enrolled();
    const register = async () => {
      const own = { ...headers, ...JSON_TYPE, Authorization: `Bearer ${overHttp.token}` };
      return (await fetchManager("/api/agent/register", { method: "POST", headers: own, body: JSON.stringify(HOST) }))
        .status;
    };
    expect(await untilRefused(30, register)).toBe(200);
    const fleet = await mintToken({ maxUses: 1_000 });
    for (let n = 0; n < 1_000; n++) expect(await attempt({ token: fleet, installId: `thousand-${n}` })).toBe(101);
  });
});

describe("without Cloudflare in front", () => {
  const forged = (n: number) => ({ "CF-Connecting-IP": `203.0.113.${n}`, "X-Forwarded-For": `203.0.113.${n}` });

  async function at(source: string, path: string, init: RequestInit): Promise<Response> {
    const ctx = createExecutionContext();
    const response = await worker.fetch(new Request(`${ORIGIN}${path}`, init), { ...env, CLIENT_ADDRESS: source }, ctx);
    await waitOnExecutionContext(ctx);
    return response;
  }

  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["unknown", null],
  ])("the client's own header is not used as its address: %s", async (source, address) => {
    const minted = await at(source, "/api/admin/tokens", {
      method: "POST",
      headers: { ...forged(1), Authorization: BASIC, "Content-Type": "application/json" },
      body: "{}",
    });
    expect(minted.status).toBe(201);
    expect((await api("GET", "/api/audit?limit=1")).body).toMatchObject([{ action: "token.mint", address }]);

    const { token } = await minted.json<{ token: string }>();
    const registered = await at(source, "/api/agent/register", {
      method: "POST",
      headers: { ...forged(2), Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(HOST),
    });
    const { agentId } = await registered.json<{ agentId: string }>();
    expect((await api("GET", `/api/agents/${agentId}`)).body).toMatchObject({ address });
  });

  it("a client cannot avoid the limit on passwords with false addresses", async () => {
    const guess = async (n: number) => {
      const Authorization = `Basic ${btoa(`admin:guess ${n}`)}`;
      return (await at("127.0.0.2", "/api/agents", { headers: { ...forged(n % 250), Authorization } })).status;
    };
    const statuses: number[] = [];
    for (let n = 0; n <= 41; n++) statuses.push(await guess(n));
    expect(statuses).toContain(429);
  });

  it.each(["", "cloudfront", "CF-Connecting-IP", "127.0.0.1, 10.0.0.1"])(
    "a setting of %j is refused",
    async (source) => {
      const response = await at(source, "/healthz", {});
      expect([response.status, await response.json()]).toMatchObject([
        503,
        { error: { code: "not_configured", message: expect.stringContaining("CLIENT_ADDRESS") } },
      ]);
    },
  );
});

describe("the audit trail", () => {
  it("lists each action with its target, address and time, in pages, and contains no secret", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const headers = {
      Authorization: `Basic ${btoa(`admin:${env.ADMIN_PASSWORD}`)}`,
      "CF-Connecting-IP": "203.0.113.7",
      "Content-Type": "application/json",
    };
    const act = (method: string, path: string, body?: object) =>
      fetchManager(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const minted = await (await act("POST", "/api/admin/tokens", { name: "audited" })).json<{
      id: string;
      token: string;
    }>();
    await act("PATCH", `/api/agents/${agent.id}`, { name: "renamed" });
    await act("POST", `/api/agents/${agent.id}/revoke`);
    await act("POST", `/api/agents/${agent.id}/revoke`);
    await act("DELETE", `/api/agents/${agent.id}`);
    await act("DELETE", `/api/agents/${agent.id}`);
    await act("DELETE", `/api/admin/tokens/${minted.id}`);

    const { body } = await api("GET", "/api/audit?limit=5");
    const entries = body as {
      action: string;
      target: string;
      at: number;
      via: string;
      address: string;
      detail: unknown;
    }[];
    expect(entries.map(({ action, target }) => [action, target])).toEqual([
      ["token.revoke", minted.id],
      ["agent.remove", agent.id],
      ["agent.revoke", agent.id],
      ["agent.rename", agent.id],
      ["token.mint", minted.id],
    ]);
    expect(entries[3]).toMatchObject({ via: "password", address: "203.0.113.7", detail: { name: "renamed" } });
    expect(Math.abs(Date.now() - (entries[0]?.at ?? 0))).toBeLessThan(60_000);

    const pages: number[] = [];
    for (let path: string | undefined = "/api/audit?limit=2"; path !== undefined; ) {
      const response: Response = await act("GET", path);
      pages.push(...(await response.json<{ id: number }[]>()).map(({ id }) => id));
      path = /^<([^>]+)>/.exec(response.headers.get("Link") ?? "")?.[1];
    }
    expect(pages).toEqual(pages.toSorted((a, b) => b - a));
    expect(new Set(pages).size).toBe(pages.length);

    const actions = async (filter: string) =>
      ((await api("GET", `/api/audit?${filter}`)).body as { action: string }[]).map(({ action }) => action);
    expect(await actions(`target=${agent.id}`)).toEqual(["agent.remove", "agent.revoke", "agent.rename"]);
    expect(await actions(`target=${agent.id}&action=agent.rename`)).toEqual(["agent.rename"]);
    expect(new Set(await actions("action=token.mint"))).toEqual(new Set(["token.mint"]));
    expect(await actions("action=no.such")).toEqual([]);
    const first: Response = await act("GET", `/api/audit?target=${agent.id}&limit=2`);
    const next = /^<([^>]+)>/.exec(first.headers.get("Link") ?? "")?.[1] ?? "";
    expect(await (await act("GET", next)).json()).toMatchObject([{ action: "agent.rename" }]);

    const everything = JSON.stringify((await api("GET", "/api/audit?limit=1000")).body);
    for (const secret of [token, minted.token, env.ADMIN_PASSWORD, env.JWT_SECRET]) {
      expect(everything).not.toContain(secret);
    }
  });

  it("records log-ins, log-outs and the end of all sessions", async () => {
    const logIn = async () => {
      const response = await fetchManager("/api/session", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ password: env.ADMIN_PASSWORD }),
      });
      return { Cookie: response.headers.get("Set-Cookie")?.split(";")[0] ?? "" };
    };
    const list = async (headers: Record<string, string>) => (await fetchManager("/api/agents", { headers })).status;
    const [one, two, three] = [await logIn(), await logIn(), await logIn()];
    await fetchManager("/api/session", { method: "DELETE", headers: one });
    for (const headers of [one, {}, { Cookie: "__Host-zedops=" }, { Cookie: "__Host-zedops=00" }]) {
      const nobody = await fetchManager("/api/session", { method: "DELETE", headers });
      expect([nobody.status, await nobody.json()]).toMatchObject([401, { error: { code: "unauthorized" } }]);
    }
    expect([await list(one), await list(two), await list(three)]).toEqual([401, 200, 200]);
    expect((await fetchManager("/api/sessions", { method: "DELETE" })).status).toBe(401);
    expect((await fetchManager("/api/sessions", { method: "DELETE", headers: two })).status).toBe(204);
    expect([await list(two), await list(three)]).toEqual([401, 401]);
    const { body } = await api("GET", "/api/audit?limit=5");
    expect((body as { action: string }[]).map(({ action }) => action)).toEqual([
      "session.end",
      "session.end",
      "session.begin",
      "session.begin",
      "session.begin",
    ]);
  });
});
