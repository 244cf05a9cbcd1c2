import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { test } from "./fixtures.ts";
import { handshake } from "./handshake-proxy.ts";
import { type Lab, type LabAgent, untilConnected } from "./lab.ts";
import { refusedUpgrade } from "./raw-agent.ts";

/** Until the agent is back with its new token, after the waits between some failures. */
const ROTATED_WITHIN_MS = 60_000;

const tokenOf = async (stateDir: string) => (await readFile(join(stateDir, "token"), "utf8")).trim();

const rotate = (lab: Lab, id: string) => lab.admin.call("POST", `/api/agents/${id}/rotate`);

/** Waits until the agent has a new token and no candidate, and returns the token. */
async function untilRotated(stateDir: string, before: string): Promise<string> {
  await expect.poll(() => tokenOf(stateDir), { timeout: ROTATED_WITHIN_MS }).not.toBe(before);
  expect(await readdir(stateDir)).not.toContain("token.candidate");
  return await tokenOf(stateDir);
}

async function expectVoid(lab: Lab, token: string): Promise<void> {
  const refusal = await refusedUpgrade(lab.url, { authorization: `Bearer ${token}` });
  expect(refusal).toMatchObject({ status: 401, body: { error: { code: "invalid_token" } } });
}

test("a rotated agent reconnects by itself with the same identity and a new token, ten times in a row", async ({
  lab,
  manager: _,
}) => {
  const { process, stateDir, log } = await lab.startAgent("edge-1");
  await untilConnected({ log });
  const { id } = await lab.agent("edge-1");
  const tokens = [await tokenOf(stateDir)];
  for (let round = 1; round <= 10; round++) {
    // The agent is connected again when its own echo has come back.
    await expect
      .poll(() => log.filter((line) => /msg=(re)?connected/.test(line)).length, { timeout: ROTATED_WITHIN_MS })
      .toBe(round);
    await rotate(lab, id);
    const before = tokens.at(-1) ?? "";
    tokens.push(await untilRotated(stateDir, before));
    expect((await stat(join(stateDir, "token"))).mode & 0o777).toBe(0o600);
    await expectVoid(lab, before);
  }
  expect(new Set(tokens).size).toBe(11);

  await lab.untilStatus("edge-1", "online");
  expect(await lab.request(id, { subject: "test.echo", data: 10 })).toBe(10);
  expect((await lab.admin.agents()).filter(({ name }) => name === "edge-1")).toMatchObject([{ id }]);

  // The token on disk is the valid one.
  await process.kill();
  const again = await lab.startAgent("edge-1", { mayMint: false });
  await untilConnected(again);
  expect(await lab.request(id, { subject: "test.echo", data: "again" })).toBe("again");
});

/** What else ends when the agent connects with its new token; the connection ends in any case. */
const victims: Record<string, (lab: Lab, agent: LabAgent) => Promise<unknown>> = {
  connection: async () => {},
  agent: (_, { process }) => process.kill(),
  manager: (lab) => lab.killManager().then(() => lab.startManager()),
};

const crashes = Object.entries(victims).flatMap(([victim, end]) => handshake.map((step) => ({ victim, step, end })));

test.for(crashes)(
  "the $victim ends at the $step of the rotated agent, which comes back with one good token",
  async ({ victim, step, end }, { lab, manager: _, proxy }) => {
    const name = `${victim}-${step}`;
    const start = () => lab.startAgent(name, { managerUrl: proxy.url });
    const first = await start();
    await untilConnected(first);
    const { id } = await lab.agent(name);
    const before = await tokenOf(first.stateDir);

    const held = proxy.hold(step);
    await rotate(lab, id);
    const broken = await held;
    await end(lab, first);
    broken.cut();
    const agent = victim === "agent" ? await start() : first;

    await untilRotated(first.stateDir, before);
    await expectVoid(lab, before);
    await expect.poll(() => lab.request(id, { subject: "test.echo", data: name }), { timeout: 60_000 }).toBe(name);
    expect((await lab.admin.agents()).filter((one) => one.name === name)).toMatchObject([{ id, status: "online" }]);
    await agent.process.stop();
  },
);

test("an offer that is lost changes nothing", async ({ lab, manager: _, proxy }) => {
  const agent = await lab.startAgent("unoffered", { managerUrl: proxy.url });
  await untilConnected(agent);
  const { id } = await lab.agent("unoffered");
  const before = await tokenOf(agent.stateDir);

  const offer = proxy.hold("offer");
  const outcome = expect(rotate(lab, id)).rejects.toThrow("disconnected");
  (await offer).cut();
  await outcome;

  await expect.poll(() => lab.request(id, { subject: "test.echo", data: 1 }), { timeout: 60_000 }).toBe(1);
  expect(await readdir(agent.stateDir)).not.toContain("token.candidate");
  expect(await tokenOf(agent.stateDir)).toBe(before);
});

test("an agent that is killed as the offer arrives reconnects with the old or the new token", async ({
  lab,
  manager: _,
  proxy,
}) => {
  const { process, stateDir, log } = await lab.startAgent("surprised", { managerUrl: proxy.url });
  await untilConnected({ log });
  const { id } = await lab.agent("surprised");

  const offer = proxy.hold("offer");
  // It may or may not have stored the candidate and confirmed it.
  const outcome = rotate(lab, id).catch((error: unknown) => expect(String(error)).toContain("disconnected"));
  await (await offer).pass();
  await process.kill();
  await outcome;

  const again = await lab.startAgent("surprised", { managerUrl: proxy.url, mayMint: false });
  await untilConnected(again);
  await expect.poll(() => lab.request(id, { subject: "test.echo", data: 2 }), { timeout: 60_000 }).toBe(2);
  expect(await readdir(stateDir)).not.toContain("token.candidate");
});

test("an agent that is offline cannot be rotated, and keeps its token", async ({ lab, manager: _ }) => {
  const { process, stateDir, log } = await lab.startAgent("edge-4");
  await untilConnected({ log });
  const { id } = await lab.agent("edge-4");
  const token = await tokenOf(stateDir);
  await process.stop();
  await lab.untilStatus("edge-4", "offline");

  const url = `${lab.url}/api/agents/${id}/rotate`;
  const answer = await fetch(url, { method: "POST", headers: lab.admin.headers });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code: "no_responders" } });

  const again = await lab.startAgent("edge-4", { mayMint: false });
  await untilConnected(again);
  expect(await readdir(stateDir)).not.toContain("token.candidate");
  expect(await tokenOf(stateDir)).toBe(token);
});
