/**
 * Changes of secrets, backup and restore, with real agents on the local runtime. The real wrangler calls the stand-in for
 * Cloudflare's API, whose database is the file of the local manager's D1. When the stand-in serves another version of the Worker,
 * the local manager starts again with its secrets.
 */
import { stat } from "node:fs/promises";
import { test as base, expect, vi } from "vitest";
import { backUp } from "../deploy/backup.ts";
import { changePassword } from "../deploy/password.ts";
import { restore } from "../deploy/restore.ts";
import { changeSigningSecret, finishSigningSecret, replaceSigningSecret } from "../deploy/signing-secret.ts";
import { Lab, type LabAgent } from "../e2e/lab.ts";
import { loseRegistry, registryFile } from "../e2e/registry-file.ts";
import { Admin } from "../stack/admin.ts";
import { enrolledId } from "../stack/agent.ts";
import { Rehearsal } from "./rehearsal.ts";
import type { Version } from "./vendor-workers.ts";

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  })
  .extend("rehearsal", async ({ lab }, { onCleanup }) => {
    const rehearsal = await Rehearsal.open(lab.url);
    onCleanup(() => rehearsal.close());
    rehearsal.terminal.env.ADMIN_PASSWORD = lab.password;
    return rehearsal;
  });

/** Deploys the manager that runs locally, with its database. */
async function deployLocally(lab: Lab, rehearsal: Rehearsal): Promise<void> {
  const { vendor } = rehearsal;
  await lab.startManager();
  vendor.databases.nextFile = await registryFile(lab.dir);
  vendor.workers.onServed = async ({ secrets }: Version) => {
    await lab.killManager();
    await lab.startManager(secrets);
  };
  await rehearsal.deploy("r1");
}

/** The id of an agent, once it has stored its token: the API may report it online before. */
async function idOf({ stateDir }: LabAgent): Promise<string> {
  return await vi.waitUntil(() => enrolledId(stateDir), { timeout: 30_000, interval: 50 });
}

test("a new signing secret and a new password keep the fleet, and say which hosts need the old secret", async ({
  lab,
  rehearsal,
}) => {
  const { vendor, terminal, said } = rehearsal;
  await deployLocally(lab, rehearsal);
  const old = vendor.workers.served("zedops")?.secrets.JWT_SECRET;
  const here = await lab.startAgent("here");
  await lab.untilStatus("here", "online");
  const away = await lab.startAgent("away");
  await lab.untilStatus("away", "online");
  const ids = [await idOf(here), await idOf(away)];
  await away.process.stop();
  await lab.untilStatus("away", "offline");

  await changeSigningSecret(terminal);
  const { JWT_SECRET = "", JWT_SECRET_PREVIOUS } = vendor.workers.served("zedops")?.secrets ?? {};
  expect(JWT_SECRET).not.toBe(old);
  expect(JWT_SECRET_PREVIOUS).toBe(old);
  expect(said).toContain("   1 of 1 hubs");
  expect(rehearsal.output).toContain("Hosts that still need the old secret, JWT_SECRET_PREVIOUS: 1");
  expect(rehearsal.output).toMatch(new RegExp(`away \\(${ids[1]}, host .*\\), last seen 20`));
  expect(rehearsal.output).not.toContain(`here (${ids[0]}`);
  await expect(finishSigningSecret(terminal)).rejects.toThrow(/hosts that still need JWT_SECRET_PREVIOUS: 1\n.*away/);

  // The host that was away is back with its old token, and the same command goes on.
  const back = await lab.startAgent("away", { mayMint: false });
  await lab.untilStatus("away", "online");
  await lab.untilStatus("here", "online");
  await changeSigningSecret(terminal);
  expect(said).toContain("   A change is under way, and goes on.");
  expect(rehearsal.output).toContain("No agent needs the old secret any more.");
  expect(vendor.workers.served("zedops")?.secrets.JWT_SECRET).toBe(JWT_SECRET);

  await finishSigningSecret(terminal);
  expect(Object.keys(vendor.workers.served("zedops")?.secrets ?? {}).toSorted()).toEqual([
    "ADMIN_PASSWORD",
    "JWT_SECRET",
  ]);
  await lab.untilStatus("here", "online");
  await lab.untilStatus("away", "online");
  expect([await idOf(here), await idOf(back)]).toEqual(ids);

  // The dashboard's password is another matter.
  terminal.env.NEW_PASSWORD = "another password";
  await changePassword(terminal);
  const admin = new Admin(new URL(lab.url), "another password");
  await vi.waitFor(
    async () => expect((await admin.agents()).map(({ status }) => status)).toEqual(["online", "online"]),
    { timeout: 90_000, interval: 500 },
  );

  // After a leak no token is good any more, and the hosts say what to do.
  terminal.env.ADMIN_PASSWORD = "another password";
  await replaceSigningSecret(terminal);
  expect(vendor.workers.served("zedops")?.secrets).not.toHaveProperty("JWT_SECRET_PREVIOUS");
  await vi.waitFor(() => expect(here.log.join("\n")).toMatch(/invalid_token.*new enrolment token/), {
    timeout: 90_000,
    interval: 500,
  });
  for (const secret of [old ?? "", JWT_SECRET, "another password"]) expect(rehearsal.output).not.toContain(secret);
});

test("a lost database comes back from its export, and each agent that was not rotated since is who it was", async ({
  lab,
  rehearsal,
}) => {
  const { vendor, terminal } = rehearsal;
  await deployLocally(lab, rehearsal);
  const kept = await lab.startAgent("kept", { labels: ["site=berlin"] });
  const { id: keptId } = await lab.untilStatus("kept", "online");
  const rotated = await lab.startAgent("rotated");
  const { id: rotatedId } = await lab.untilStatus("rotated", "online");

  const file = await backUp(terminal, rehearsal.path("zedops.sql"));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(rehearsal.output).toContain(`Agents in ${file}: 2`);
  await expect(backUp(terminal, file)).rejects.toThrow(/exists; choose another/);

  await lab.admin.call("POST", `/api/agents/${rotatedId}/rotate`);
  await lab.untilStatus("rotated", "online");
  const late = await lab.startAgent("late");
  await lab.untilStatus("late", "online");
  for (const { process } of [kept, rotated, late]) await process.stop();
  await expect(
    restore(terminal, { file, build: async () => {}, release: "r1" }),
    "a restore does not touch a database that is there",
  ).rejects.toThrow(/has a database zedops already/);

  // Everything in the database is lost.
  await lab.killManager();
  vendor.databases.drop("zedops");
  const registry = await loseRegistry(lab.dir);
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/has lost its database; restore a backup: make restore/);

  vendor.databases.nextFile = registry;
  vendor.workers.onServed = async ({ secrets }) => {
    await lab.startManager(secrets);
    for (const name of ["kept", "rotated", "late"]) await lab.startAgent(name, { mayMint: false });
    await lab.untilStatus("kept", "online");
  };
  await restore(terminal, { file, build: async () => {}, release: "r1", waitMs: 3_000 });
  const agents = await lab.admin.agents();
  expect(agents.find(({ name }) => name === "kept")).toMatchObject({ id: keptId, status: "online" });
  expect(rehearsal.output).toContain("1 of 2 are back");
  expect(rehearsal.output).toContain(`rotated (${rotatedId}, host `);
  expect(rehearsal.output).not.toContain(`kept (${keptId}, host `);
});
