import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import worker from "../src/index.ts";
import { api, fetchManager, HOST, mintToken, ORIGIN, TestAgent } from "./manager.ts";

const JSON_TYPE = { "Content-Type": "application/json" };

describe("the API refuses", () => {
  it("anybody but an operator, without a Basic challenge", async () => {
    const basic = (credentials: string) => ({ Authorization: `Basic ${btoa(credentials)}` });
    for (const headers of [
      {},
      basic("admin:wrong"),
      basic(`root:${env.ADMIN_PASSWORD}`),
      { Authorization: "Basic %%" },
    ]) {
      const response = await fetchManager("/api/agents", { headers });
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toBeNull();
      expect(await response.json()).toMatchObject({ error: { code: "unauthorized" } });
    }
  });

  it("an unknown route with 404 and JSON, for everybody", async () => {
    for (const path of ["/api/nope", "/api", "/api/agents/x/nope"]) {
      const response = await fetchManager(path);
      expect(response.status, path).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: "not_found" } });
    }
  });

  it.each([
    ["{", "invalid_json", 400],
    ["[]", "invalid_request", 400],
    ['{"ttlSeconds":59}', "invalid_request", 400],
    ['{"maxUses":0}', "invalid_request", 400],
    ['{"name":"a\\u0000b"}', "invalid_request", 400],
    ['{"nam":"typo"}', "invalid_request", 400],
  ])("the body %s", async (body, code, status) => {
    const response = await fetchManager("/api/admin/tokens", {
      method: "POST",
      headers: { ...JSON_TYPE, Authorization: `Basic ${btoa(`admin:${env.ADMIN_PASSWORD}`)}` },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code } });
  });

  it("an unknown field, and names it", async () => {
    const { body } = await api("POST", "/api/admin/tokens", { uses: 3 });
    expect(body).toMatchObject({ error: { message: expect.stringContaining("uses") } });
  });

  it("a body with another content type, and a body that is too large", async () => {
    const headers = { Authorization: `Basic ${btoa(`admin:${env.ADMIN_PASSWORD}`)}` };
    const form = await fetchManager("/api/admin/tokens", { method: "POST", headers, body: "a=b" });
    expect([form.status, await form.json()]).toMatchObject([415, { error: { code: "unsupported_media_type" } }]);
    const large = await api("POST", "/api/admin/tokens", { name: "x".repeat(200_000) });
    expect(large).toMatchObject({ status: 413, body: { error: { code: "payload_too_large" } } });
  });
});

it("the headers of an answer forbid framing, sniffing, caching and reading by another site", async () => {
  const response = await fetchManager("/api/agents", { headers: { Origin: "https://evil.test" } });
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000",
  });
  expect([...response.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
});

describe("a session", () => {
  const logIn = (password: string, headers = {}) =>
    fetchManager("/api/session", {
      method: "POST",
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ password }),
    });

  it("begins with the password, gives access to the API, and ends at log-out", async () => {
    const response = await logIn(env.ADMIN_PASSWORD);
    expect(response.status).toBe(204);
    const cookie = response.headers.get("Set-Cookie") ?? "";
    expect(cookie).toMatch(/^__Host-zedops=[0-9a-f]{64}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const headers = { Cookie: cookie.split(";")[0] ?? "" };
    expect((await fetchManager("/api/agents", { headers })).status).toBe(200);
    expect((await fetchManager("/api/session", { method: "DELETE", headers })).status).toBe(204);
    expect((await fetchManager("/api/agents", { headers })).status).toBe(401);
  });

  it("never gets an id that the client chose", async () => {
    const fixed = `__Host-zedops=${"ab".repeat(32)}`;
    const response = await logIn(env.ADMIN_PASSWORD, { Cookie: fixed });
    expect(response.headers.get("Set-Cookie")).not.toContain(fixed);
    expect((await fetchManager("/api/agents", { headers: { Cookie: fixed } })).status).toBe(401);
  });

  it("does not begin with a wrong password", async () => {
    const response = await logIn("wrong");
    expect([response.status, await response.json()]).toMatchObject([401, { error: { code: "wrong_password" } }]);
    expect(response.headers.get("Set-Cookie")).toBeNull();
  });

  it("is over after 12 idle hours, and after 7 days in any case", async () => {
    const cookie = (await logIn(env.ADMIN_PASSWORD)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const use = async () => (await fetchManager("/api/agents", { headers: { Cookie: cookie } })).status;
    const hoursAgo = (hours: number) => Date.now() - hours * 3_600_000;
    const set = (column: string, at: number) => env.DB.prepare(`UPDATE sessions SET ${column} = ?`).bind(at).run();
    await set("last_used_at", hoursAgo(11.9));
    expect(await use()).toBe(200);
    await set("last_used_at", hoursAgo(12.1));
    expect(await use()).toBe(401);
    await set("last_used_at", hoursAgo(0));
    await set("created_at", hoursAgo(7 * 24 + 1));
    expect(await use()).toBe(401);
  });

  it("ends when the password changes", async () => {
    const cookie = (await logIn(env.ADMIN_PASSWORD)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const list = async (password: string) => {
      const ctx = createExecutionContext();
      const request = new Request(`${ORIGIN}/api/agents`, { headers: { Cookie: cookie } });
      const response = await worker.fetch(request, { ...env, ADMIN_PASSWORD: password }, ctx);
      await waitOnExecutionContext(ctx);
      return response.status;
    };
    expect(await list("a new and better password")).toBe(401);
    expect(await list(env.ADMIN_PASSWORD)).toBe(200);
  });

  it("begins on plain http only on loopback", async () => {
    const over = async (origin: string) => {
      const ctx = createExecutionContext();
      const request = new Request(`${origin}/api/session`, {
        method: "POST",
        headers: JSON_TYPE,
        body: JSON.stringify({ password: env.ADMIN_PASSWORD }),
      });
      const response = await worker.fetch(request, env, ctx);
      await waitOnExecutionContext(ctx);
      return response;
    };
    expect((await over("http://localhost:8787")).headers.get("Set-Cookie")).toMatch(
      /^zedops-8787=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const remote = await over("http://manager.test");
    expect([remote.status, await remote.json()]).toMatchObject([
      403,
      { error: { code: "insecure_transport", message: expect.stringContaining("X-Forwarded-Proto: https") } },
    ]);
  });

  describe("behind a proxy that ends https", () => {
    const at = async (method: string, path: string, headers: Record<string, string>, body?: object) => {
      const ctx = createExecutionContext();
      const request = new Request(`http://manager.test:8443${path}`, {
        method,
        headers: { ...JSON_TYPE, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const response = await worker.fetch(request, env, ctx);
      await waitOnExecutionContext(ctx);
      return response;
    };
    const password = { password: env.ADMIN_PASSWORD };

    it.each(["https", "HTTPS", "https, http"])("works as on https: %s", async (scheme) => {
      const proxied = { "X-Forwarded-Proto": scheme, Origin: "https://manager.test:8443" };
      const response = await at("POST", "/api/session", proxied, password);
      expect(response.status).toBe(204);
      const cookie = response.headers.get("Set-Cookie") ?? "";
      expect(cookie).toMatch(/^__Host-zedops=[0-9a-f]{64}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
      const headers = { ...proxied, Cookie: cookie.split(";")[0] ?? "" };
      expect((await at("GET", "/api/agents", headers)).status).toBe(200);
      expect((await at("DELETE", "/api/session", headers)).status).toBe(204);
      expect((await at("GET", "/api/agents", headers)).status).toBe(401);
    });

    it.each([
      ["another site", { "X-Forwarded-Proto": "https", Origin: "https://evil.test" }, "foreign_origin"],
      [
        "the same host over http",
        { "X-Forwarded-Proto": "https", Origin: "http://manager.test:8443" },
        "foreign_origin",
      ],
      ["a proxy that says http", { "X-Forwarded-Proto": "http" }, "insecure_transport"],
      ["a proxy that says nonsense", { "X-Forwarded-Proto": "httpsx" }, "insecure_transport"],
      ["https behind http", { "X-Forwarded-Proto": "http, https" }, "insecure_transport"],
      ["another header", { Forwarded: "proto=https", "X-Forwarded-Ssl": "on" }, "insecure_transport"],
    ])("does not begin with %s", async (_, headers, code) => {
      const response = await at("POST", "/api/session", headers, password);
      expect([response.status, await response.json()]).toMatchObject([403, { error: { code } }]);
    });

    it("stays on https even if the header says http", async () => {
      const response = await logIn(env.ADMIN_PASSWORD, { "X-Forwarded-Proto": "http", Origin: ORIGIN });
      expect(response.headers.get("Set-Cookie")).toMatch(/^__Host-.*; Secure;/);
    });
  });

  it("cannot begin from another site, and another site cannot change anything", async () => {
    const foreign = { Origin: "https://evil.test" };
    expect((await logIn(env.ADMIN_PASSWORD, foreign)).status).toBe(403);
    expect((await fetchManager("/api/session", { method: "DELETE", headers: foreign })).status).toBe(403);
    expect((await logIn(env.ADMIN_PASSWORD, { Origin: ORIGIN })).status).toBe(204);
  });
});

describe("agents", () => {
  it("are listed by name, renamed, and removed", async () => {
    const { agent: one } = await TestAgent.enrolled();
    const { agent: two } = await TestAgent.enrolled();
    expect(await api("PATCH", `/api/agents/${one.id}`, { name: " zeta " })).toMatchObject({
      status: 200,
      body: { id: one.id, name: "zeta", status: "online" },
    });
    expect((await api("PATCH", `/api/agents/${two.id}`, { name: "Alpha" })).status).toBe(200);
    const names = async () => ((await api("GET", "/api/agents")).body as { name: string }[]).map(({ name }) => name);
    expect(await names()).toEqual(["Alpha", "zeta"]);
    expect((await api("DELETE", `/api/agents/${one.id}`)).status).toBe(204);
    expect(await names()).toEqual(["Alpha"]);
    expect((await api("GET", `/api/agents/${one.id}`)).status).toBe(404);
    expect((await api("DELETE", `/api/agents/${one.id}`)).status).toBe(404);
    expect((await api("PATCH", `/api/agents/${one.id}`, { name: "x" })).status).toBe(404);
    expect((await api("PATCH", `/api/agents/${two.id}`, { name: "" })).status).toBe(400);
  });

  it("cannot get an invalid name in any way", async () => {
    const { agent } = await TestAgent.enrolled();
    for (const name of [
      "",
      "   ",
      "x".repeat(65),
      "x".repeat(100_000),
      "a\nb",
      "a\u0000b",
      "\u009b31m",
      "\u200b",
      "\u3164",
      "edge\u202e7-",
      "edge\u2028-7",
      7,
      null,
      ["a"],
    ]) {
      expect((await api("PATCH", `/api/agents/${agent.id}`, { name })).status).toBe(400);
      expect((await api("POST", "/api/admin/tokens", { name })).status).toBe(400);
    }
    const bare = await TestAgent.open({ token: await mintToken() });
    const registration = { ...HOST, name: "x".repeat(60_000) };
    expect((await bare.request("agent.register", registration)).error?.code).toBe("invalid_data");
    expect((await bare.request("agent.register", HOST)).error).toBeUndefined();
  });

  it("may have names with HTML or SQL, which are stored unaltered", async () => {
    const name = `<b>'"; DROP TABLE agents;--\u200f`;
    const { agent } = await TestAgent.enrolled();
    expect(await api("PATCH", `/api/agents/${agent.id}`, { name })).toMatchObject({ status: 200, body: { name } });
    expect((await api("GET", `/api/agents/${agent.id}`)).body).toMatchObject({ name });
  });
});

describe("the list of agents", () => {
  type Listed = { id: string; name: string; status: string };

  async function list(query: string): Promise<{ agents: Listed[]; next: string | null }> {
    const response = await fetchManager(`/api/agents${query}`, {
      headers: { Authorization: `Basic ${btoa(`admin:${env.ADMIN_PASSWORD}`)}` },
    });
    expect(response.status).toBe(200);
    const next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("Link") ?? "")?.[1] ?? null;
    return { agents: await response.json(), next };
  }

  it("can be searched in any case and any script", async () => {
    const names = ["Büro ÄÖÜ", "ΟΔΟΣ 7", "Straße", "Сервер", "İzmir"];
    for (const name of names) {
      const { agent } = await TestAgent.enrolled();
      await api("PATCH", `/api/agents/${agent.id}`, { name });
    }
    const found = async (q: string) => (await list(`?q=${encodeURIComponent(q)}`)).agents.map(({ name }) => name);
    expect(await found("bÜRO äöü")).toEqual(["Büro ÄÖÜ"]);
    expect(await found("οδος")).toEqual(["ΟΔΟΣ 7"]);
    expect(await found("STRASSE")).toEqual(["Straße"]);
    expect(await found("сервеР")).toEqual(["Сервер"]);
    expect(await found("IZMIR")).toEqual(["İzmir"]);
    expect(await found("ÄÖÜ Büro")).toEqual([]);
    const { agent } = await TestAgent.enrolled();
    expect((await list(`?q=${agent.id.toUpperCase()}`)).agents.map(({ id }) => id)).toEqual([agent.id]);
  });

  it("can be searched page by page if many names are not ASCII, which SQLite cannot fold", async () => {
    const enrolment = (await api("POST", "/api/admin/tokens")).body as { id: string };
    const insert = env.DB.prepare(
      `INSERT INTO agents (id, enrolment_id, install_id, name, token_hash, created_at, generation, status, since, version,
         os, arch, hostname) VALUES (?1, ?2, ?1, ?3, '', 0, 0, 'offline', 0, '', '', '', 'häst')`,
    );
    const rows = Array.from({ length: 2_500 }, (_, n) => insert.bind(`folded-${n}`, enrolment.id, `Ägent ${n}`));
    await env.DB.batch(rows);
    const seen: string[] = [];
    let pages = 0;
    for (let query: string | null = "?q=%C3%84GENT%2024&limit=50"; query !== null; pages++) {
      const { agents, next } = await list(query);
      seen.push(...agents.map(({ name }) => name));
      query = next?.replace("/api/agents", "") ?? null;
    }
    // 24, 240 to 249 and 2400 to 2499.
    expect(seen).toHaveLength(111);
    expect(new Set(seen).size).toBe(111);
    expect(pages).toBe(3);
    expect((await list("?q=%C3%A4gent%202499&limit=1")).agents.map(({ name }) => name)).toEqual(["Ägent 2499"]);
    expect((await list("?q=hÄSt&limit=1000")).agents).toHaveLength(1_000);
    await env.DB.prepare("DELETE FROM agents WHERE enrolment_id = ?").bind(enrolment.id).run();
  });

  it("has stable pages while agents come and go, and filters for text and live state", async () => {
    const online: TestAgent[] = [];
    for (const name of ["kiwi", "Lime", "lime", "mango", "nut"]) {
      const { agent } = await TestAgent.enrolled();
      await api("PATCH", `/api/agents/${agent.id}`, { name: `fruit ${name}` });
      online.push(agent);
    }
    const pages: string[][] = [];
    for (let query: string | null = "?q=FRUIT&limit=2"; query !== null; ) {
      const { agents, next } = await list(query);
      pages.push(agents.map(({ name }) => name.replace("fruit ", "").toLowerCase()));
      if (pages.length === 1) {
        // An agent before the cursor is removed and one after it is added. The other agents must still appear once
        // each.
        await api("DELETE", `/api/agents/${agents[0]?.id}`);
      }
      query = next?.replace("/api/agents", "") ?? null;
    }
    expect(pages).toEqual([["kiwi", "lime"], ["lime", "mango"], ["nut"]]);

    online[4]?.socket.close(1000, "stopped");
    await online[4]?.untilClosed();
    const names = async (query: string) => (await list(query)).agents.map(({ name }) => name);
    expect(await names("?q=fruit&status=offline")).toEqual(["fruit nut"]);
    expect(await names("?q=fruit&status=online&limit=1")).toHaveLength(1);
    expect((await list("?q=fruit&status=online&limit=3")).next).toBeNull();
    expect(await names(`?q=${online[3]?.id}`)).toEqual(["fruit mango"]);
    expect(await names("?q=%25")).toEqual([]);
    expect((await list("")).next).toBeNull();
  });

  it.each(["?limit=0", "?limit=1001", "?limit=x", "?status=late", "?cursor=nonsense", "?page=2"])(
    "refuses %s",
    async (query) => {
      const field = /\w+/.exec(query)?.[0] ?? "";
      expect(await api("GET", `/api/agents${query}`)).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request", message: expect.stringContaining(field) } },
      });
    },
  );
});

describe("the API's description", () => {
  it("is OpenAPI 3.1 and has every route with its error codes and examples", async () => {
    const { status, body } = await api("GET", "/api/openapi.json");
    expect(status).toBe(200);
    const { openapi, paths } = body as {
      openapi: string;
      paths: Record<string, Record<string, { responses: object }>>;
    };
    expect(openapi).toBe("3.1.0");
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.toSorted()).toEqual([
      "DELETE /api/admin/parked",
      "DELETE /api/admin/tokens/{id}",
      "DELETE /api/agents/{id}",
      "DELETE /api/session",
      "DELETE /api/sessions",
      "GET /api/admin/parked",
      "GET /api/admin/signing-keys",
      "GET /api/admin/signing-keys/agents",
      "GET /api/admin/tokens",
      "GET /api/admin/tokens/{id}",
      "GET /api/agents",
      "GET /api/agents/{id}",
      "GET /api/agents/{id}/events",
      "GET /api/agents/{id}/subscriptions",
      "GET /api/audit",
      "GET /api/live",
      "PATCH /api/agents/{id}",
      "POST /api/admin/drain",
      "POST /api/admin/tokens",
      "POST /api/agent/heartbeat",
      "POST /api/agent/register",
      "POST /api/agents/bulk",
      "POST /api/agents/{id}/request",
      "POST /api/agents/{id}/revoke",
      "POST /api/agents/{id}/rotate",
      "POST /api/agents/{id}/separate",
      "POST /api/publish",
      "POST /api/session",
    ]);
    expect(JSON.stringify(paths["/api/agents/{id}/request"]?.post?.responses)).toContain("no_responders");
    expect(JSON.stringify(body)).toContain('"example"');
  });
});

describe("a manager without its secrets", () => {
  it.each([
    ["ADMIN_PASSWORD", ""],
    ["ADMIN_PASSWORD", "hunter2"],
    ["JWT_SECRET", ""],
    ["JWT_SECRET", "hunter2"],
  ])("refuses every request and names %s (%j)", async (secret, value) => {
    for (const path of ["/healthz", "/api/agents", "/ws", "/api/agent/heartbeat"]) {
      const ctx = createExecutionContext();
      const response = await worker.fetch(new Request(`${ORIGIN}${path}`), { ...env, [secret]: value }, ctx);
      await waitOnExecutionContext(ctx);
      expect(response.status).toBe(503);
      const { error } = await response.json<{ error: { code: string; message: string } }>();
      expect(error.code).toBe("not_configured");
      expect(error.message).toContain(secret);
      if (value !== "") expect(error.message).not.toContain(value);
    }
  });
});
