import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { test } from "./fixtures.ts";
import type { Lab } from "./lab.ts";
import { refusedUpgrade } from "./raw-agent.ts";

/** Until the agent is back with its new token: two handshakes and a write, on the slowest machine. */
const ROTATED_WITHIN_MS = 20_000;

const tokenOf = async (stateDir: string) => (await readFile(join(stateDir, "token"), "utf8")).trim();

const rotate = (lab: Lab, id: string) => lab.admin.call("POST", `/api/agents/${id}/rotate`);

/** Waits until the agent has another token than that, and no candidate beside it, and returns it. */
async function untilRotated(stateDir: string, before: string): Promise<string> {
  await expect.poll(() => tokenOf(stateDir), { timeout: ROTATED_WITHIN_MS }).not.toBe(before);
  expect(await readdir(stateDir)).not.toContain("token.candidate");
  return await tokenOf(stateDir);
}

async function expectVoid(lab: Lab, token: string): Promise<void> {
  const refusal = await refusedUpgrade(lab.url, { authorization: `Bearer ${token}` });
  expect(refusal).toMatchObject({ status: 401, body: { error: { code: "invalid_token" } } });
}

test("a rotated agent comes back by itself as who it was, with another token, ten times in a row", async ({
  lab,
  manager: _,
}) => {
  const { process, stateDir, log } = await lab.startAgent("edge-1");
  const { id } = await lab.untilStatus("edge-1", "online");
  const tokens = [await tokenOf(stateDir)];
  for (let round = 1; round <= 10; round++) {
    // The agent is back once its own echo has come back.
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
  for (const token of tokens.slice(0, -1)) await expectVoid(lab, token);

  await lab.untilStatus("edge-1", "online");
  expect(await lab.request(id, { subject: "test.echo", data: 10 })).toBe(10);
  expect((await lab.admin.agents()).filter(({ name }) => name === "edge-1")).toMatchObject([{ id }]);

  // What is on disk is what it is known by.
  await process.kill();
  const again = await lab.startAgent("edge-1", { mayMint: false });
  await expect.poll(() => again.log.join("\n"), { timeout: ROTATED_WITHIN_MS }).toContain("msg=connected");
  expect(await lab.request(id, { subject: "test.echo", data: "again" })).toBe("again");
});

test("an agent that is killed as soon as it has the new token comes back with it", async ({ lab, manager: _ }) => {
  const first = await lab.startAgent("edge-2");
  const { id } = await lab.untilStatus("edge-2", "online");
  let { process, log } = first;
  for (let round = 1; round <= 5; round++) {
    await expect.poll(() => log.join("\n"), { timeout: ROTATED_WITHIN_MS }).toContain("msg=connected");
    const before = await tokenOf(first.stateDir);
    await rotate(lab, id);
    await process.kill();
    ({ process, log } = await lab.startAgent("edge-2", { mayMint: false }));
    await untilRotated(first.stateDir, before);
    await expectVoid(lab, before);
  }
  await expect.poll(() => log.join("\n"), { timeout: ROTATED_WITHIN_MS }).toContain("msg=connected");
  expect(await lab.request(id, { subject: "test.echo", data: "back" })).toBe("back");
  expect((await lab.admin.agents()).filter(({ name }) => name === "edge-2")).toMatchObject([{ id }]);
});

test("the manager dies as soon as the agent has the new token: the agent comes back with it", async ({
  lab,
  manager: _,
}) => {
  const { stateDir, log } = await lab.startAgent("edge-3");
  const { id } = await lab.untilStatus("edge-3", "online");
  const before = await tokenOf(stateDir);
  await rotate(lab, id);
  await lab.killManager();
  await lab.startManager();
  await expect.poll(() => log.join("\n"), { timeout: 60_000 }).toContain("msg=reconnected");
  await expect.poll(() => tokenOf(stateDir), { timeout: 60_000 }).not.toBe(before);
  await expectVoid(lab, before);
  await lab.untilStatus("edge-3", "online");
  await expect.poll(() => lab.request(id, { subject: "test.echo", data: 3 }), { timeout: 60_000 }).toBe(3);
});

test("an agent that is away cannot be rotated, and keeps its token", async ({ lab, manager: _ }) => {
  const { process, stateDir } = await lab.startAgent("edge-4");
  const { id } = await lab.untilStatus("edge-4", "online");
  const token = await tokenOf(stateDir);
  await process.stop();
  await lab.untilStatus("edge-4", "offline");

  const url = `${lab.url}/api/agents/${id}/rotate`;
  const answer = await fetch(url, { method: "POST", headers: lab.admin.headers });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code: "no_responders" } });

  const again = await lab.startAgent("edge-4", { mayMint: false });
  await expect.poll(() => again.log.join("\n"), { timeout: ROTATED_WITHIN_MS }).toContain("msg=connected");
  expect(await readdir(stateDir)).not.toContain("token.candidate");
  expect(await tokenOf(stateDir)).toBe(token);
});
