import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test as base, expect, vi } from "vitest";
import { Lab, type LabAgent } from "../e2e/lab.ts";
import { Admin } from "../stack/admin.ts";
import { enrolledId } from "../stack/agent.ts";
import { readDevVars } from "../stack/dev-vars.ts";
import { RECONNECTS_WITHIN, untilAnswers } from "./agent-checks.ts";

/** What docs/OPERATIONS.md says of connected agents when a secret changes. */
const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  });

const NEW_SECRET = "another secret of at least thirty-two characters";

async function startHost(lab: Lab, name: string): Promise<LabAgent & { id: string }> {
  const agent = await lab.startAgent(name, { verbose: true });
  const { id } = await vi.waitFor(() => lab.agent(name), RECONNECTS_WITHIN);
  await untilAnswers(lab, id);
  return { ...agent, id };
}

/** Waits until the agent has said that it keeps its refused token. */
async function untilKept({ log }: Pick<LabAgent, "log">): Promise<void> {
  const says = /keeping the token and trying again every 5 to 30 minutes.*invalid_token.*new enrolment token/;
  await vi.waitFor(() => expect(log.join("\n")).toMatch(says), RECONNECTS_WITHIN);
}

test("after a change of JWT_SECRET agents keep their tokens while the old secret is the previous one, or rotate", async ({
  lab,
}) => {
  const { JWT_SECRET = "" } = await readDevVars();
  await lab.startManager();
  const [rotated, forgotten] = [await startHost(lab, "rotated"), await startHost(lab, "forgotten")];

  await lab.killManager();
  await lab.startManager({ JWT_SECRET: NEW_SECRET, JWT_SECRET_PREVIOUS: JWT_SECRET });
  for (const { id } of [rotated, forgotten]) await untilAnswers(lab, id);
  const token = () => readFile(join(rotated.stateDir, "token"), "utf8");
  const before = await token();
  await lab.admin.call("POST", `/api/agents/${rotated.id}/rotate`);
  await vi.waitFor(async () => expect(await token()).not.toBe(before), RECONNECTS_WITHIN);
  await untilAnswers(lab, rotated.id);

  await lab.killManager();
  await lab.startManager({ JWT_SECRET: NEW_SECRET });
  await untilAnswers(lab, rotated.id);
  await untilKept(forgotten);
  expect(await lab.admin.agent(forgotten.id)).toMatchObject({ status: "offline", reason: "manager_restart" });

  // The mistake is undone, and the host is the same agent. It would come back by itself within ten minutes.
  await lab.killManager();
  await lab.startManager({ JWT_SECRET: NEW_SECRET, JWT_SECRET_PREVIOUS: JWT_SECRET });
  await forgotten.process.stop();
  const back = await lab.startAgent("forgotten", { mayMint: false });
  await untilAnswers(lab, forgotten.id);
  await back.process.stop();
});

test("a host whose token stays refused enrols anew with a fresh token, and keeps the old one", {
  // The agent gives a mistake up to two minutes to be undone.
  timeout: 300_000,
}, async ({ lab }) => {
  const { JWT_SECRET = "" } = await readDevVars();
  await lab.startManager();
  const { id, process, stateDir } = await startHost(lab, "forgotten");
  const token = await readFile(join(stateDir, "token"), "utf8");
  await process.stop();
  await lab.killManager();
  await lab.startManager({ JWT_SECRET: NEW_SECRET });

  const restarted = await lab.startAgent("forgotten", { token: await lab.admin.mintToken({}), verbose: true });
  await untilKept(restarted);
  expect(await readFile(join(stateDir, "token"), "utf8")).toBe(token);
  await vi.waitFor(() => expect(restarted.log.join("\n")).toContain("msg=connected"), { timeout: 150_000 });
  const anew = (await enrolledId(stateDir)) ?? "";
  expect(anew).not.toBe(id);
  await untilAnswers(lab, anew);
  expect(await readFile(join(stateDir, "token.refused"), "utf8")).toBe(token);

  // What was set aside is as good as before, if the refusal was a mistake after all.
  await restarted.process.stop();
  await copyFile(join(stateDir, "token.refused"), join(stateDir, "token"));
  await lab.killManager();
  await lab.startManager({ JWT_SECRET: NEW_SECRET, JWT_SECRET_PREVIOUS: JWT_SECRET });
  await lab.startAgent("forgotten", { mayMint: false });
  await untilAnswers(lab, id);
});

test("a new ADMIN_PASSWORD changes nothing for agents and ends every session", async ({ lab }) => {
  await lab.startManager();
  const { id } = await startHost(lab, "edge-1");
  const logIn = (password: string) =>
    fetch(`${lab.url}/api/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ password }),
    });
  const session = await logIn(lab.password);
  const cookie = session.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const list = () => fetch(`${lab.url}/api/agents`, { headers: { cookie } });
  expect((await list()).status).toBe(200);

  await lab.killManager();
  const password = "another password";
  await lab.startManager({ ADMIN_PASSWORD: password });
  expect((await list()).status).toBe(401);
  expect((await logIn(lab.password)).status).toBe(401);
  const admin = new Admin(new URL(lab.url), password);
  await vi.waitFor(async () => expect(await admin.agent(id)).toMatchObject({ status: "online" }), RECONNECTS_WITHIN);
});
