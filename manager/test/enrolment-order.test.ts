/** Registrations that reach D1 in any order. The token of the newest connection must be the good one in every order. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { agentId, sha256Hex } from "../src/digest.ts";
import type { Admission } from "../src/registry/admission.ts";
import { enrol } from "../src/registry/admission.ts";
import { promoteCandidate } from "../src/registry/rotation.ts";
import { api, fetchManager, HOST, mintToken, refusal, TestAgent } from "./manager.ts";

const signed = (hash: string) => ({ hash, keyId: "key" });
const INTRODUCTION = { name: "edge-7", labels: [], host: HOST };

let token: string;
let installId: string;
beforeEach(async () => {
  token = await mintToken();
  installId = crypto.randomUUID();
});

/** All permutations of three. */
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

interface Registered {
  agentId: string;
  token?: string;
}

async function overHttp(bearer: string): Promise<{ status: number; token: string | undefined }> {
  const response = await fetchManager("/api/agent/register", {
    method: "POST",
    headers: {
      Authorization: `Bearer ${bearer}`,
      "Zedops-Install-Id": installId,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(HOST),
  });
  return { status: response.status, token: (await response.json<Registered>()).token };
}

describe("enrolments that are written late", () => {
  it.each(ORDERS)("keep the newest token if written in the order %i %i %i", async (...order) => {
    const { id: enrolmentId } = (await api("POST", "/api/admin/tokens")).body as { id: string };
    const id = await agentId(enrolmentId, installId);
    const admission = (generation: number): Admission => ({
      connectionId: "c",
      agentId: id,
      known: null,
      separate: false,
      candidateHash: null,
      enrolment: { id: enrolmentId, installId, hostName: null, maxUses: 1 },
      generation,
      bootId: "boot-id-1",
      address: null,
    });
    let newest = -1;
    for (const n of order) {
      const { enrolment, ...rest } = admission(1_790_000_000_000 + n);
      if (enrolment === null) throw new Error("no enrolment");
      const outcome = await enrol(
        env.DB,
        { ...rest, enrolment },
        enrolment,
        INTRODUCTION,
        signed(`hash ${n}`),
        Date.now(),
      );
      if (n > newest) expect(outcome).toEqual({ ok: true, value: { name: "edge-7", labels: [] } });
      else expect(outcome).toMatchObject({ ok: false, error: { code: "disconnected" } });
      newest = Math.max(newest, n);
    }
    const row = env.DB.prepare("SELECT token_hash FROM agents WHERE id = ?").bind(id);
    expect(await row.first("token_hash")).toBe("hash 2");
    // The same write once more changes nothing. A hub that was lost may do this when it is called again.
    const { enrolment, ...rest } = admission(1_790_000_000_002);
    if (enrolment === null) throw new Error("no enrolment");
    await enrol(env.DB, { ...rest, enrolment }, enrolment, INTRODUCTION, signed("hash of the repetition"), Date.now());
    expect(await row.first("token_hash")).toBe("hash 2");
  });

  it.each(ORDERS)("keep the newest token if sockets register in the order %i %i %i", async (...order) => {
    const sockets: TestAgent[] = [];
    for (let n = 0; n < 3; n++) {
      sockets.push(await TestAgent.open({ token, installId }));
      // Connections that are admitted in the same millisecond have the same generation.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    let newest = -1;
    let own: string | undefined;
    for (const n of order) {
      const { data, error } = (await sockets[n]?.request("agent.register", HOST)) ?? {};
      if (n > newest) own = (data as Registered).token;
      else expect(error?.code).toBe("disconnected");
      newest = Math.max(newest, n);
      expect((await TestAgent.open({ token: own ?? "" })).connection).not.toBe("");
    }
  });

  it("keep the newest token if one of them came over HTTP", async () => {
    const older = await TestAgent.open({ token, installId });
    await new Promise((resolve) => setTimeout(resolve, 2));
    const http = await overHttp(token);
    expect(http.status).toBe(200);
    expect((await older.request("agent.register", HOST)).error?.code).toBe("disconnected");
    await TestAgent.open({ token: http.token ?? "" });

    const newer = await TestAgent.open({ token, installId });
    const both = await Promise.all([newer.request("agent.register", HOST), overHttp(token)]);
    const tokens = [(both[0].data as Registered | undefined)?.token, both[1].token].filter((one) => one !== undefined);
    const admitted = await Promise.all(
      tokens.map(async (one) => {
        const response = await TestAgent.open({ token: one }).catch(() => null);
        return response !== null;
      }),
    );
    expect(admitted.filter(Boolean)).toHaveLength(1);
  });

  it("still work after the manager's clock was set back", async () => {
    const { agent } = await TestAgent.online({ token, installId });
    await env.DB.prepare("UPDATE agents SET enrolled_generation = ? WHERE id = ?")
      .bind(Date.now() + 3_600_000, agent.id)
      .run();
    const again = await TestAgent.online({ token, installId });
    expect((await TestAgent.online({ token: again.token ?? "" })).agent.id).toBe(agent.id);
  });

  it("may be repeated by an agent that an earlier version enrolled", async () => {
    const { agent, token: first } = await TestAgent.online({ token, installId });
    await env.DB.prepare("UPDATE agents SET enrolled_generation = 0 WHERE id = ?").bind(agent.id).run();
    const again = await TestAgent.online({ token, installId });
    expect(again.agent.id).toBe(agent.id);
    expect(await refusal({ token: first ?? "" })).toEqual([401, "invalid_token"]);
  });
});

describe("a candidate that is stored late as the token", () => {
  it.each(ORDERS)("does not replace a newer token if written in the order %i %i %i", async (...order) => {
    const { agent } = await TestAgent.online({ token, installId });
    const hashes = await Promise.all(["one", "two", "three"].map(sha256Hex));
    const offer = (hash: string) =>
      env.DB.prepare("UPDATE agents SET candidate_hash = ? WHERE id = ?").bind(hash, agent.id).run();
    // Each candidate was offered and used in turn. Then every statement takes effect a second time, late.
    for (const hash of hashes) {
      await offer(hash);
      expect(await promoteCandidate(env.DB, agent.id, hash)).toBe(true);
    }
    await offer("the next offer");
    for (const n of order) await promoteCandidate(env.DB, agent.id, hashes[n] ?? "");
    const row = await env.DB.prepare("SELECT token_hash, candidate_hash FROM agents WHERE id = ?")
      .bind(agent.id)
      .first();
    expect(row).toEqual({ token_hash: hashes[2], candidate_hash: "the next offer" });
  });
});

describe("one connection that registers twice at once", () => {
  it("gets the same token in both answers", async () => {
    const agent = await TestAgent.open({ token, installId });
    const answers = await Promise.all([1, 2, 3].map(() => agent.request("agent.register", HOST)));
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    // A registration after the first answer gets no token again.
    const [token1, ...others] = answers.map(({ data }) => (data as Registered).token);
    for (const other of others) expect([token1, undefined]).toContain(other);
    expect(agent.closed).toBeNull();
    expect((await agent.request("agent.register", HOST)).data).not.toHaveProperty("token");
    await TestAgent.online({ token: token1 ?? "" });
  });

  it("gets the same refusal in both answers", async () => {
    const agent = await TestAgent.open({ token, installId });
    await TestAgent.online({ token, installId: "the-one-use" });
    const answers = await Promise.all([1, 2].map(() => agent.request("agent.register", HOST)));
    expect(answers.map(({ error }) => error?.code)).toEqual(["enrolment_used", "enrolment_used"]);
    expect(await agent.untilClosed()).toEqual({ code: 4401, reason: "unauthorized" });
  });

  it("with a candidate comes online only once", async () => {
    const { agent, token: own } = await TestAgent.online({ token, installId });
    await env.DB.prepare("UPDATE agents SET candidate_hash = token_hash WHERE id = ?").bind(agent.id).run();
    const back = await TestAgent.open({ token: own ?? "" });
    const answers = await Promise.all([1, 2].map(() => back.request("agent.register", HOST)));
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect((await back.request("test.echo", 1)).data).toBe(1);
  });
});

describe("a registration whose answer could not be delivered", () => {
  const uses = async () =>
    env.DB.prepare("SELECT count(*) AS n FROM agents WHERE install_id = ?").bind(installId).first<number>("n");

  it.each([
    ["without a reply", undefined],
    ["to another subject", "fleet.announce"],
    ["to a control subject", "agent.heartbeat.ack"],
    ["to another connection's inbox", "inbox.other.1"],
    ["to an inbox without a token", "inbox.own"],
  ])("%s is refused, and the enrolment is not used", async (_, reply) => {
    const agent = await TestAgent.open({ token, installId });
    agent.send({ subject: "agent.register", data: HOST, ...(reply === undefined ? {} : { reply }) });
    const answer = await agent.next((frame) => frame.subject === "agent.error");
    expect(answer.error).toMatchObject({ code: "invalid_data", message: expect.stringContaining("reply") });
    expect(agent.frames).toHaveLength(2);
    expect(await uses()).toBe(0);
    const { data } = await agent.request("agent.register", HOST);
    expect(data).toMatchObject({ token: expect.any(String) });
  });

  it.each(["inbox.*.1", "inbox.>", "*"])("to the pattern %s is a bad frame, and uses no enrolment", async (reply) => {
    const agent = await TestAgent.open({ token, installId });
    agent.send({ subject: "agent.register", data: HOST, reply });
    const answer = await agent.next((frame) => frame.subject === "agent.error");
    expect(answer.error?.code).toBe("invalid_subject");
    expect(await uses()).toBe(0);
  });
});
