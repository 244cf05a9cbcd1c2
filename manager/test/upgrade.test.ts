import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { decodeProtectedHeader, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { connect } from "../src/http/routes/connect.ts";
import worker from "../src/index.ts";
import { mintEnrolmentToken } from "../src/tokens.ts";
import { agentView, api, fetchManager, HOST, mintToken, refusal, stored, TestAgent, upgrade } from "./manager.ts";
import { hideRegistry, showRegistry } from "./registry.ts";

const KEY = new TextEncoder().encode(env.JWT_SECRET);
const NOW = Math.floor(Date.now() / 1000);

/** A valid token, except for the parts that a test changes. */
async function forge(header: Partial<JWTHeaderParameters>, claims: JWTPayload, key = KEY): Promise<string> {
  const { kid } = decodeProtectedHeader(await mintToken());
  return new SignJWT({ iss: "zedops", aud: "zedops:agent", sub: "nobody", jti: "j", iat: NOW, ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "zedops-agent+jwt", ...(kid === undefined ? {} : { kid }), ...header })
    .sign(key);
}

const base64url = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

describe("the upgrade refuses", () => {
  it("a request without a token", async () => {
    expect(await refusal({})).toEqual([401, "missing_token"]);
  });

  it.each([
    ["garbage", "nonsense"],
    ["three empty parts", ".."],
    ["truncated", "eyJhbGciOiJIUzI1NiJ9.eyJpc3Mi."],
    ["huge", `${"a".repeat(20_000)}.b.c`],
  ])("a garbled token: %s", async (_, token) => {
    expect(await refusal({ token })).toEqual([401, "invalid_token"]);
  });

  it("alg none", async () => {
    const header = base64url(JSON.stringify({ alg: "none", typ: "zedops-agent+jwt" }));
    const claims = base64url(JSON.stringify({ iss: "zedops", aud: "zedops:agent", sub: "x", jti: "j", iat: NOW }));
    expect(await refusal({ token: `${header}.${claims}.` })).toEqual([401, "invalid_token"]);
    expect(await refusal({ token: `${header}.${claims}.e30` })).toEqual([401, "invalid_token"]);
  });

  it("another key, algorithm, issuer, audience or type", async () => {
    const bad = await Promise.all([
      forge({}, {}, new TextEncoder().encode("another key of at least thirty-two characters")),
      forge({ alg: "HS384" }, {}),
      forge({}, { iss: "someone" }),
      forge({}, { aud: "zedops:enrolment" }),
      forge({ typ: "JWT" }, {}),
      forge({ typ: "zedops-enrolment+jwt" }, {}),
    ]);
    for (const token of bad) expect(await refusal({ token })).toEqual([401, "invalid_token"]);
  });

  it.each<[string, Partial<JWTHeaderParameters>, JWTPayload]>([
    ["an unknown key id", { kid: "0123456789abcdef" }, {}],
    ["a path for a key id", { kid: "../../../../dev/null" }, {}],
    ["SQL for a key id", { kid: "' OR 1=1 --" }, {}],
    ["a key of its own in the header", { kid: "x", jwk: { kty: "RSA", n: "AAAA", e: "AQAB" } }, {}],
    ["a key set of its own", { kid: "x", jku: "https://evil.test/jwks" }, {}],
    ["a certificate of its own", { kid: "x", x5u: "https://evil.test/x509" }, {}],
    ["a time before which it is not valid", {}, { nbf: NOW + 3_600 }],
    ["somebody else's audience", {}, { aud: "zedops:admin" }],
    ["no subject", {}, { sub: "" }],
    ["somebody else's issuer", {}, { iss: "https://evil.test" }],
  ])("a token with a right signature but %s", async (_, header, claims) => {
    expect(await refusal({ token: await forge(header, claims) })).toEqual([401, "invalid_token"]);
  });

  const ID = "a".repeat(20);

  it.each<[string, object]>([
    ["an object for an id", { jti: { a: 1 } }],
    ["a list for an id", { jti: [ID] }],
    ["a number for an id", { jti: 7 }],
    ["nothing for an id", { jti: null }],
    ["an id that is none of this manager's", { jti: "\u0000" }],
    ["half a character for an id", { jti: "\ud83d".repeat(20) }],
    ["an endless id", { jti: "a".repeat(8_000) }],
    ["a text for its time", { iat: "now" }],
    ["an object for its time", { iat: {} }],
    ["a text for its end", { exp: "never" }],
    ["a list for its end", { exp: [NOW + 3_600] }],
    ["a text for its beginning", { nbf: "today" }],
    ["a list of audiences", { aud: ["zedops:enrolment", "zedops:agent"] }],
    ["a list of one audience", { aud: ["zedops:enrolment"] }],
    ["an object for an audience", { aud: {} }],
    ["a list of issuers", { iss: ["zedops"] }],
    ["an end beyond all numbers, and an id of nobody", { exp: 1e300 }],
  ])("an enrolment token with a right signature but %s", async (_, claims) => {
    const right = { aud: "zedops:enrolment", jti: ID, exp: NOW + 3_600 };
    const token = await forge({ typ: "zedops-enrolment+jwt" }, { ...right, ...(claims as JWTPayload) });
    expect(await refusal({ token })).toEqual([401, "invalid_token"]);
  });

  it.each<[string, object]>([
    ["an object for a subject", { sub: { a: 1 } }],
    ["a list for a subject", { sub: [ID] }],
    ["a number for a subject", { sub: 7 }],
    ["true for a subject", { sub: true }],
    ["an object for an id", { sub: ID, jti: {} }],
    ["a list of audiences", { sub: ID, aud: ["zedops:agent"] }],
    ["an end that is no number", { sub: ID, exp: "soon" }],
    ["a time beyond all numbers, and a subject that is nobody", { sub: ID, iat: 1e300 }],
  ])("an agent's token with a right signature but %s", async (_, claims) => {
    expect(await refusal({ token: await forge({}, claims as JWTPayload) })).toEqual([401, "invalid_token"]);
  });

  it.each([{}, [], 7, true, null])("a token with the key id %j", async (kid) => {
    const [, claims, signature] = (await mintToken()).split(".");
    const header = { alg: "HS256", typ: "zedops-enrolment+jwt", kid };
    const token = `${base64url(JSON.stringify(header))}.${claims}.${signature}`;
    expect(await refusal({ token })).toEqual([401, "invalid_token"]);
  });

  it("a token with a wrong key id, an unsupported algorithm or an unknown critical header", async () => {
    const [, claims, signature] = (await mintToken()).split(".");
    for (const header of [
      { alg: "HS256", typ: "zedops-enrolment+jwt" },
      { alg: "HS256", typ: "zedops-enrolment+jwt", kid: ["a"] },
      { alg: "NoNe", typ: "zedops-enrolment+jwt" },
      { alg: "RS256", typ: "zedops-enrolment+jwt" },
      { alg: "HS256", typ: "zedops-enrolment+jwt", crit: ["exp"] },
    ]) {
      const token = `${base64url(JSON.stringify(header))}.${claims}.${signature}`;
      expect(await refusal({ token })).toEqual([401, "invalid_token"]);
    }
  });

  it("an agent that the registry does not know", async () => {
    expect(await refusal({ token: await forge({}, {}) })).toEqual([401, "invalid_token"]);
  });

  it("an expired token", async () => {
    const token = await forge({ typ: "zedops-enrolment+jwt" }, { aud: "zedops:enrolment", exp: NOW - 1 });
    expect(await refusal({ token })).toEqual([401, "token_expired"]);
  });

  it("an enrolment token in place of an agent's token, and the reverse", async () => {
    const { token } = await TestAgent.enrolled();
    const swap = async (of: string, typ: string) => {
      const [, claims, signature] = of.split(".");
      return `${base64url(JSON.stringify({ alg: "HS256", typ }))}.${claims}.${signature}`;
    };
    expect(await refusal({ token: await swap(token, "zedops-enrolment+jwt") })).toEqual([401, "invalid_token"]);
    expect(await refusal({ token: await swap(await mintToken(), "zedops-agent+jwt") })).toEqual([401, "invalid_token"]);
  });

  it("a browser", async () => {
    const token = await mintToken();
    for (const Origin of ["https://manager.test", "https://evil.test", "null"]) {
      expect(await refusal({ token, headers: { Origin } })).toEqual([403, "browser_origin"]);
    }
  });

  it("an invalid install id", async () => {
    expect(await refusal({ token: await mintToken(), installId: "a b" })).toEqual([400, "invalid_header"]);
  });

  it("a request without Upgrade", async () => {
    const response = await fetchManager("/ws");
    expect(response.status).toBe(426);
    expect(await response.json()).toMatchObject({ error: { code: "upgrade_required" } });
  });

  it("everybody while D1 fails, with 503 and never with invalid_token", async () => {
    const { token } = await TestAgent.enrolled();
    await hideRegistry();
    try {
      const response = await upgrade({ token });
      expect(response.status).toBe(503);
      expect(response.headers.get("Retry-After")).toBe("5");
      expect(await response.json()).toMatchObject({ error: { code: "registry_unavailable" } });
    } finally {
      await showRegistry();
    }
    const again = await TestAgent.online({ token });
    expect(again.agent.id).not.toBe("");
  });
});

it("ignores an admission header of the client", async () => {
  const { agent: victim } = await TestAgent.enrolled();
  const { agent } = await TestAgent.online({
    token: await mintToken(),
    headers: { "Zedops-Admission": JSON.stringify({ agentId: victim.id, connectionId: victim.connection }) },
  });
  expect(agent.id).not.toBe(victim.id);
  expect((await victim.request("test.echo", 1)).data).toBe(1);
});

it("admits an agent with any name and any hostname", async () => {
  for (const name of ["Büro", "边缘节点", "🖥️ 7", "خادم"]) {
    const agent = await TestAgent.open({ token: await mintToken() });
    const { data } = await agent.request("agent.register", { ...HOST, name, hostname: name });
    const { token, agentId } = data as { token: string; agentId: string };
    const { agent: back } = await TestAgent.online({ token });
    expect(await agentView(back.id)).toMatchObject({ id: agentId, name, status: "online" });
  }
});

describe("an enrolment token", () => {
  it("refuses a second host at the upgrade", async () => {
    const token = await mintToken();
    await TestAgent.online({ token, installId: "first-host" });
    expect(await refusal({ token, installId: "second-host" })).toEqual([403, "enrolment_used"]);
  });

  it("admits exactly one of two hosts that race for the last use", async () => {
    const token = await mintToken();
    const agents = await Promise.all(
      ["racing-host-a", "racing-host-b"].map((installId) => TestAgent.open({ token, installId })),
    );
    const replies = await Promise.all(agents.map((agent) => agent.request("agent.register", HOST)));
    const codes = replies.map((reply) => reply.error?.code ?? "in").toSorted();
    expect(codes).toEqual(["enrolment_used", "in"]);
    const loser = agents[replies.findIndex((reply) => reply.error !== undefined)];
    expect(await loser?.untilClosed()).toEqual({ code: 4401, reason: "unauthorized" });
  });

  it("gives the same host the same agent and a new token, and makes the earlier token void", async () => {
    const token = await mintToken();
    const first = await TestAgent.online({ token, installId: "host-with-a-lost-reply" });
    const second = await TestAgent.online({ token, installId: "host-with-a-lost-reply" });
    expect(second.agent.id).toBe(first.agent.id);
    expect(second.token).not.toBe(first.token);
    expect(await first.agent.untilClosed()).toEqual({ code: 4409, reason: "replaced" });
    expect(await refusal({ token: first.token ?? "" })).toEqual([401, "invalid_token"]);
    expect((await TestAgent.online({ token: second.token ?? "" })).agent.id).toBe(first.agent.id);
  });

  it("enrols up to maxUses hosts", async () => {
    const token = await mintToken({ maxUses: 3 });
    const ids = new Set<string>();
    for (const n of [1, 2, 3]) ids.add((await TestAgent.online({ token, installId: `fleet-host-${n}` })).agent.id);
    expect(ids.size).toBe(3);
    expect(await refusal({ token, installId: "fleet-host-4" })).toEqual([403, "enrolment_used"]);
    await TestAgent.online({ token, installId: "fleet-host-2" });
  });

  it("cannot bring back its removed agent", async () => {
    const token = await mintToken();
    const { agent, token: own } = await TestAgent.online({ token, installId: "removed-host" });
    expect((await api("DELETE", `/api/agents/${agent.id}`)).status).toBe(204);
    expect(await agent.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
    expect(await refusal({ token, installId: "removed-host" })).toEqual([403, "agent_removed"]);
    expect(await refusal({ token: own ?? "" })).toEqual([403, "agent_removed"]);
  });
});

describe("an upgrade and a removal at the same time", () => {
  it("leave no connection: an agent that was admitted before its removal is closed when it registers", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const late = await TestAgent.open({ token });
    // The removal reached D1. Its call to the hub came before this connection was open.
    await env.DB.prepare("UPDATE agents SET deleted_at = 1 WHERE id = ?").bind(agent.id).run();
    await late.request("agent.register", HOST);
    expect(await late.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
  });

  it("leave no connection that is older than the agent's last connection", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const late = await TestAgent.open({ token });
    const { agent: newer } = await TestAgent.online({ token });
    newer.socket.close(1000, "stopped");
    await stored(agent.id, (row) => row.reason === "stopped");
    await env.DB.prepare("UPDATE agents SET revoked_at = 1 WHERE id = ?").bind(agent.id).run();
    await late.request("agent.register", HOST);
    expect(await late.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
  });

  it("leave no connection if the removal has to be repeated", async () => {
    const { agent } = await TestAgent.enrolled();
    // The first removal reached D1 but not the hub.
    await env.DB.prepare("UPDATE agents SET deleted_at = 1 WHERE id = ?").bind(agent.id).run();
    expect((await api("DELETE", `/api/agents/${agent.id}`)).status).toBe(404);
    expect(await agent.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
  });
});

describe("an upgrade that is repeated", () => {
  it("opens a separate connection, which stays when the first attempt's connection ends", async () => {
    const { agent, token } = await TestAgent.enrolled();
    const attempts: Response[] = [];
    // The hub accepts the first attempt, but its answer is lost.
    const lossy = {
      getByName: (name: string) => ({
        fetch: async (url: string, init: RequestInit) => {
          const response = await env.HUB.getByName(name).fetch(url, init);
          if (attempts.push(response) === 1) throw Object.assign(new Error("connection lost"), { retryable: true });
          return response;
        },
      }),
    };
    const headers = { Upgrade: "websocket", Authorization: `Bearer ${token}` };
    const second = await TestAgent.over(await connect.request("/ws", { headers }, { ...env, HUB: lossy }));
    await second.request("agent.register", HOST);
    const [lost] = attempts;
    if (lost === undefined) throw new Error("no first attempt");
    const first = await TestAgent.over(lost);
    first.socket.close(1001, "gone");
    await first.untilClosed();
    expect(await agentView(agent.id)).toMatchObject({ status: "online" });
    expect((await second.request("test.echo", 1)).data).toBe(1);
  });
});

describe("a new JWT_SECRET", () => {
  const withEnv = async (changed: Partial<Env>, token: string) => {
    const ctx = createExecutionContext();
    const headers = { Upgrade: "websocket", Authorization: `Bearer ${token}` };
    const response = await worker.fetch(
      new Request("https://manager.test/ws", { headers }),
      { ...env, ...changed },
      ctx,
    );
    response.webSocket?.accept();
    response.webSocket?.close();
    await waitOnExecutionContext(ctx);
    return response.status;
  };
  const next = "another key, of at least thirty-two characters";

  it("keeps the tokens of the old secret good while the old one is JWT_SECRET_PREVIOUS", async () => {
    const { token } = await TestAgent.enrolled();
    expect(await withEnv({ JWT_SECRET: next, JWT_SECRET_PREVIOUS: env.JWT_SECRET }, token)).toBe(101);
    expect(await withEnv({ JWT_SECRET: next }, token)).toBe(401);
    const enrolment = await mintEnrolmentToken({ JWT_SECRET: next }, "e", Date.now() + 60_000);
    expect(await withEnv({ JWT_SECRET_PREVIOUS: next }, enrolment)).toBe(401);
    expect(await withEnv({ JWT_SECRET: next, JWT_SECRET_PREVIOUS: "short" }, token)).toBe(503);
  });
});
