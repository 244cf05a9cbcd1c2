import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { mintEnrolmentToken } from "../src/tokens.ts";
import { api, HOST, refusal, TestAgent } from "./manager.ts";
import { countRows } from "./rows.ts";
import { SOON } from "./soon.ts";

interface Token {
  id: string;
  token: string;
}
interface ShownToken {
  status: string;
  labels: string[];
  lastRefusal: { code: string; at: number; address: string | null; hostname: string | null } | null;
}

const mint = async (options: object = {}) => (await api("POST", "/api/admin/tokens", options)).body as Token;
const show = async (id: string) => (await api("GET", `/api/admin/tokens/${id}`)).body as ShownToken;
const from = (address: string) => ({ headers: { "CF-Connecting-IP": address } });

/** Refusals are stored after the host has its answer. */
const untilRefused = (id: string, code: string) =>
  vi.waitUntil(
    async () => {
      const token = await show(id);
      return token.lastRefusal?.code === code ? token.lastRefusal : null;
    },
    { timeout: 30_000, interval: 10 },
  );

/** As if the last refusal were that old. */
const age = (id: string, ms: number) =>
  env.DB.prepare("UPDATE enrolments SET refused_at = refused_at - ? WHERE id = ?").bind(ms, id).run();

describe("one enrolment token", () => {
  it("is shown as in the list", async () => {
    const { id, token } = await mint({ name: "rack 9", labels: ["env=prod"] });
    const { body } = await api("GET", "/api/admin/tokens");
    const listed = (body as { id: string }[]).find((each) => each.id === id);
    const shown = await show(id);
    expect(shown).toEqual({ ...listed, secondsLeft: expect.any(Number) });
    expect(shown).toMatchObject({ status: "active", labels: ["env=prod"], lastRefusal: null });
    expect(JSON.stringify(shown)).not.toContain(token);
    expect(await api("GET", "/api/admin/tokens/nope")).toMatchObject({
      status: 404,
      body: { error: { code: "unknown_token" } },
    });
  });

  it("tells which host was refused last, and why: the token was used", async () => {
    const before = Date.now();
    const { id, token } = await mint();
    await TestAgent.online({ token, installId: "the-first-host" });
    expect(await refusal({ token, ...from("203.0.113.40") })).toEqual([403, "enrolment_used"]);
    const last = await untilRefused(id, "enrolment_used");
    expect(last).toMatchObject({ address: "203.0.113.40", hostname: null });
    expect(last.at).toBeGreaterThanOrEqual(before);
    const { body } = await api("GET", "/api/admin/tokens");
    expect((body as ({ id: string } & ShownToken)[]).find((each) => each.id === id)?.lastRefusal).toEqual(last);
  });

  it("tells that it was revoked or has expired, in the registry or by its own date", async () => {
    const revoked = await mint();
    await api("DELETE", `/api/admin/tokens/${revoked.id}`);
    expect(await refusal({ token: revoked.token })).toEqual([403, "enrolment_revoked"]);
    await untilRefused(revoked.id, "enrolment_revoked");

    const expired = await mint();
    const late = await mintEnrolmentToken(env, expired.id, Date.now() - 60_000);
    expect(await refusal({ token: late, ...from("203.0.113.41") })).toEqual([401, "token_expired"]);
    expect(await untilRefused(expired.id, "token_expired")).toMatchObject({ address: "203.0.113.41" });
  });

  it("tells the name of a host that was refused when it registered", async () => {
    const { id, token } = await mint({ labels: Array.from({ length: 16 }, (_, n) => `key-${n}`) });
    const host = await TestAgent.open({ token, installId: "host-with-labels" });
    const answer = await host.request("agent.register", { ...HOST, hostname: "rack-7", labels: ["one-more"] });
    expect(answer.error?.code).toBe("invalid_data");
    expect(await untilRefused(id, "invalid_data")).toMatchObject({ hostname: "rack-7" });
  });

  it("has no refusal of a host whose token is another one, or whose signature is bad", async () => {
    const { id, token } = await mint();
    const [header, , signature] = token.split(".");
    const { token: other } = await mint();
    const forged = `${header}.${other.split(".")[1]}.${signature}`;
    expect(await refusal({ token: forged })).toEqual([401, "invalid_token"]);
    const unknown = await mintEnrolmentToken(env, "a".repeat(20), Date.now() + 60_000);
    expect(await refusal({ token: unknown })).toEqual([401, "invalid_token"]);
    await TestAgent.online({ token });
    expect((await show(id)).lastRefusal).toBeNull();
  });
});

describe("many refusals of one token", () => {
  it("write one row in five seconds, and one in a minute for the same host", async () => {
    const { id, token } = await mint();
    await TestAgent.online({ token, installId: "the-only-host" });
    await refusal({ token, installId: "refused-0", ...from("203.0.113.50") });
    const first = await untilRefused(id, "enrolment_used");

    const rows = countRows();
    for (let n = 1; n <= 30; n++) await refusal({ token, installId: `refused-${n}`, ...from(`203.0.113.${50 + n}`) });
    // Each of these was asked for by another address, and none was written.
    await vi.waitUntil(
      () => rows.statements.filter((statement) => statement.includes("refused_at")).length >= 30,
      SOON,
    );
    expect(rows.written).toBe(0);
    expect((await show(id)).lastRefusal).toEqual(first);

    await age(id, 5_000);
    await refusal({ token, installId: "refused-31", ...from("203.0.113.90") });
    await vi.waitUntil(async () => (await show(id)).lastRefusal?.address === "203.0.113.90", SOON);
  });

  it("cost no query of the registry if they are the same", async () => {
    const { id, token } = await mint();
    await api("DELETE", `/api/admin/tokens/${id}`);
    expect(await refusal({ token, installId: "same-host-0", ...from("203.0.113.99") })).toEqual([
      403,
      "enrolment_revoked",
    ]);
    const { at } = await untilRefused(id, "enrolment_revoked");
    await age(id, 30_000);
    const rows = countRows();
    for (let n = 1; n <= 10; n++) await refusal({ token, installId: `same-host-${n}`, ...from("203.0.113.99") });
    expect(rows.statements.filter((statement) => statement.includes("refused_at"))).toEqual([]);
    expect((await show(id)).lastRefusal?.at).toBe(at - 30_000);
  });
});
