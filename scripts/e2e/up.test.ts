import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect, onTestFinished } from "vitest";
import { Admin } from "../stack/admin.ts";
import { ensureDevVars, localPassword, readDevVars } from "../stack/dev-vars.ts";
import { ownPort } from "./own-port.ts";
import { Up } from "./up.ts";

const STARTED_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 3_000;

const test = base
  .extend("port", ownPort)
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("dataDir", async ({}, { onCleanup }) => {
    const dataDir = await mkdtemp(join(tmpdir(), "zedops-up-"));
    onCleanup(() => rm(dataDir, { recursive: true }));
    return dataDir;
  })
  .extend("up", async ({ port, dataDir }, { onCleanup }) => {
    const up = new Up(dataDir, port);
    onCleanup(async () => {
      up.pressCtrlC();
      await up.ended();
    });
    return up;
  });

test("make up brings an agent online and shows no secret to other users; Ctrl-C leaves nothing behind", async ({
  up,
}) => {
  await expect.poll(() => up.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
  await ensureDevVars();
  const { ADMIN_PASSWORD = "", JWT_SECRET = "" } = await readDevVars();
  expect(up.text).toContain(`Dashboard  ${up.url}\n`);
  expect(up.text).toContain(`Password   ${ADMIN_PASSWORD}\n`);
  const agents = await new Admin(new URL(up.url), ADMIN_PASSWORD).agents();
  expect(agents).toMatchObject([{ name: "here", status: "online" }]);

  const pressed = performance.now();
  up.pressCtrlC();
  await up.ended();
  expect(performance.now() - pressed).toBeLessThan(STOPPED_WITHIN_MS);
  expect(await up.survivors()).toEqual([]);

  const commands = [...up.commands].join("\n");
  for (const program of ["workerd", "zedops-agent", "wrangler"]) expect(commands).toContain(program);
  for (const secret of [ADMIN_PASSWORD, JWT_SECRET, "eyJ"]) expect(commands).not.toContain(secret);
  for (const secret of [JWT_SECRET, "eyJ"]) expect(up.text).not.toContain(secret);
});

test("make up keeps running when its agent is removed, and enrols a new one the next time", async ({
  up,
  dataDir,
  port,
}) => {
  await expect.poll(() => up.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
  const admin = new Admin(new URL(up.url), (await localPassword()) ?? "");
  const [removed] = await admin.agents();
  await admin.call("DELETE", `/api/agents/${removed?.id}`);
  await expect.poll(() => up.text).toContain("the manager has removed or refused the agent, and runs on");
  expect(await admin.agents()).toEqual([]);
  up.pressCtrlC();
  await up.ended();
  expect(await up.survivors()).toEqual([]);

  const again = new Up(dataDir, port);
  onTestFinished(async () => {
    again.pressCtrlC();
    await again.ended();
  });
  await expect.poll(() => again.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
  const agents = await admin.agents();
  expect(agents).toMatchObject([{ name: "here", status: "online" }]);
  expect(agents[0]?.id).not.toBe(removed?.id);
});

test("if the agent or the manager dies, make up stops the other and names it", async ({ up }) => {
  await expect.poll(() => up.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
  const agent = [...up.seen.values()].find(({ command }) => command.includes("zedops-agent --manager"));
  process.kill(agent?.pid ?? Number.NaN, "SIGKILL");
  expect(await up.ended()).not.toBe(0);
  expect(up.text).toContain("the agent ended with SIGKILL");
  expect(await up.survivors()).toEqual([]);
});

test("a second make up on the same directory names the process of the first; if that is killed, nothing is left and the next start works", {
  // Two starts.
  timeout: 2 * STARTED_WITHIN_MS + 120_000,
}, async ({ up, dataDir, port }) => {
  await expect.poll(() => up.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
  const second = new Up(dataDir, await ownPort());
  expect(await second.ended()).not.toBe(0);
  expect(second.text).toContain(`zedops: process ${up.script} runs a manager on ${dataDir}, on port ${port}, since `);
  expect(second.text).not.toMatch(/^\s+at /m);

  process.kill(up.script, "SIGKILL");
  expect(await up.ended()).not.toBe(0);
  await expect.poll(() => up.survivors(), { timeout: STOPPED_WITHIN_MS }).toEqual([]);
  const again = new Up(dataDir, port);
  onTestFinished(async () => {
    again.pressCtrlC();
    await again.ended();
  });
  await expect.poll(() => again.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
});

test("if make is killed, nothing is left", async ({ up }) => {
  await expect.poll(() => up.text, { timeout: STARTED_WITHIN_MS }).toContain("Agent online ✓");
  up.killMake();
  expect(await up.ended()).toBe("SIGKILL");
  await expect.poll(() => up.survivors(), { timeout: STOPPED_WITHIN_MS }).toEqual([]);
});

test("make up says in one line that its port is taken", async ({ port, dataDir }) => {
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  const up = new Up(dataDir, port);
  expect(await up.ended()).not.toBe(0);
  other.close();
  expect(up.text).toContain(`zedops: port ${port} is in use; choose another: PORT=…`);
  expect(up.text).not.toMatch(/^\s+at /m);
});
