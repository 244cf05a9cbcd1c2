import { describe, expect, onTestFinished } from "vitest";
import { test as base } from "./fixtures.ts";
import { signedToken, unsignedToken } from "./forged-token.ts";
import type { Lab } from "./lab.ts";
import { RawAgent, refusedUpgrade } from "./raw-agent.ts";

/** A host that does nothing wrong. Its connection and its row must survive all faults of the others. */
const test = base.extend("bystander", { scope: "file" }, async ({ lab, manager: _ }) => {
  await lab.startAgent("bystander");
  return await lab.untilStatus("bystander", "online");
});

async function expectUnharmed(lab: Lab, bystander: { id: string; connectedAt: number | null }): Promise<void> {
  const { connectedAt } = bystander;
  expect(await lab.agent("bystander")).toMatchObject({ id: bystander.id, status: "online", connectedAt });
  expect(await lab.request(bystander.id, { subject: "test.echo", data: "still here" })).toBe("still here");
}

const now = Math.floor(Date.now() / 1_000);
const enrolment = { typ: "zedops-enrolment+jwt" };
const claims = { iss: "zedops", aud: "zedops:enrolment", jti: "nobody", iat: now, exp: now + 3_600 };

describe("an upgrade is refused", () => {
  test.for<[string, string, () => Promise<string | undefined> | undefined]>([
    ["without a token", "missing_token", () => undefined],
    ["with a garbled token", "invalid_token", async () => "no.token.atall"],
    [
      "with an expired token",
      "token_expired",
      () => signedToken(enrolment, { ...claims, iat: now - 60, exp: now - 1 }),
    ],
    ["with a token of the wrong type", "invalid_token", () => signedToken({ typ: "JWT" }, claims)],
    [
      "with a token for another audience",
      "invalid_token",
      () => signedToken(enrolment, { ...claims, aud: "zedops:agent" }),
    ],
    ["with a token without a signature", "invalid_token", async () => unsignedToken(enrolment, claims)],
  ])("%s", async ([, code, forge], { lab, bystander }) => {
    const token = await forge();
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const refusal = await refusedUpgrade(lab.url, headers);
    expect(refusal).toMatchObject({ status: 401, body: { error: { code, message: expect.any(String) } } });
    if (token !== undefined) expect(JSON.stringify(refusal.body)).not.toContain(token);
    await expectUnharmed(lab, bystander);
  });

  test("with an Origin, because that is a browser", async ({ lab, bystander }) => {
    const authorization = `Bearer ${await lab.admin.mintToken({})}`;
    const refusal = await refusedUpgrade(lab.url, { authorization, origin: lab.url });
    expect(refusal).toMatchObject({ status: 403, body: { error: { code: "browser_origin" } } });
    await expectUnharmed(lab, bystander);
  });
});

// manager/test/frames.test.ts has the other bad frames.
test("a frame that is longer than the runtime accepts closes only its own socket", async ({ lab, bystander }) => {
  const agent = await RawAgent.enrol(lab.url, await lab.admin.mintToken({ name: "giant" }));
  onTestFinished(() => agent.close());
  agent.sendFrame("x".repeat(33 * 1024 * 1024));
  await lab.untilStatus("giant", "offline");
  await expectUnharmed(lab, bystander);
});

describe("a bad request is answered in JSON", () => {
  test("for a route that does not exist, also when a browser asks", async ({ lab, bystander }) => {
    const { authorization } = lab.admin.headers;
    const headers = { authorization, accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    const answer = await fetch(`${lab.url}/api/no-such-route`, { headers });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: "not_found" } });
    await expectUnharmed(lab, bystander);
  });

  test.for([
    ["that is not JSON", "{"],
    ["that is not an object", "[]"],
    ["with a field of the wrong type", '{"ttlSeconds":"soon"}'],
  ] as const)("for a body %s", async ([, body], { lab, bystander }) => {
    const headers = { ...lab.admin.headers, "content-type": "application/json" };
    const answer = await fetch(`${lab.url}/api/admin/tokens`, { method: "POST", headers, body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: expect.stringMatching(/^invalid_/) } });
    await expectUnharmed(lab, bystander);
  });
});
