/** `make deploy` from an empty account on, with the real wrangler against a stand-in for Cloudflare's API. */
import { readFile, stat } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { listAssets } from "../deploy/assets.ts";
import { allMigrations } from "../deploy/database.ts";
import { rollBack } from "../deploy/rollback.ts";
import { Lab } from "../e2e/lab.ts";
import { Rehearsal } from "./rehearsal.ts";
import { ACCOUNT, VendorError } from "./vendor-route.ts";

const WORKERS = `/accounts/${ACCOUNT}/workers/scripts`;
const DATABASES = `/accounts/${ACCOUNT}/d1/database`;

/** A local manager, which the commands look at in place of the deployed one. */
let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  await lab.startManager();
});
afterAll(() => lab.close());

let rehearsal: Rehearsal;
beforeEach(async () => {
  rehearsal = await Rehearsal.open(lab.url);
});
afterEach(() => rehearsal.close());

test("an empty account becomes a manager, and the next deploy keeps its secrets", async () => {
  const { vendor, answers } = rehearsal;
  const migrations = await allMigrations();

  // A dry run says what would happen, and changes nothing.
  await rehearsal.deploy("r1", { dryRun: true });
  expect(rehearsal.output).toContain("would create the database zedops");
  expect(rehearsal.output).toContain("would set the secret ADMIN_PASSWORD (asked for)");
  expect(rehearsal.output).toContain("would set the secret JWT_SECRET (made now)");
  expect(rehearsal.output).toContain(`would apply ${migrations.length} migrations: 0001_registry.sql`);
  expect(rehearsal.output).toMatch(/would upload release r1 with \d+ files \(\d+\.\d MiB\)/);
  expect(vendor.calls.filter((call) => !call.startsWith("GET "))).toEqual([]);

  // Nobody is there to choose the password: nothing is created.
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/nobody can be asked .*ADMIN_PASSWORD/);
  expect(vendor.calls.filter((call) => !call.startsWith("GET "))).toEqual([]);

  // A migration fails half-way.
  answers.push("short", "a long password", "a longer password", "a long password", "a long password");
  // Two queries look for migrations, then each migration is one.
  vendor.fail(
    `POST ${DATABASES}/*/query`,
    new VendorError(400, 7500, "no such table: of_another_time: SQLITE_ERROR"),
    6,
  );
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/a migration failed.*Run make deploy again.*of_another_time/s);
  expect(rehearsal.output).toContain("That is too short");
  expect(rehearsal.output).toContain("The two are not the same");
  const applied = vendor.databases.query("zedops", "SELECT name FROM d1_migrations");
  expect(applied.length).toBeGreaterThan(0);
  expect(applied.length).toBeLessThan(migrations.length);
  expect(vendor.workers.served("zedops")).toBeUndefined();

  // The same command goes on where it ended.
  vendor.recover();
  answers.push("a long password", "a long password");
  await rehearsal.deploy("r1");
  expect(vendor.databases.query("zedops", "SELECT name FROM d1_migrations")).toEqual(
    migrations.map((name) => ({ name })),
  );
  const first = vendor.workers.served("zedops");
  expect(first?.secrets.ADMIN_PASSWORD).toBe("a long password");
  const { JWT_SECRET = "" } = first?.secrets ?? {};
  expect(JWT_SECRET).toHaveLength(64);
  expect(Object.keys(vendor.workers.manifest).toSorted()).toEqual(
    (await listAssets()).map(({ path }) => path).toSorted(),
  );
  expect(rehearsal.output).toContain(`Manager  ${lab.url}`);
  expect(rehearsal.output).toContain(`make token MANAGER_URL=${lab.url}`);
  const keepsake = rehearsal.path(`deployments/zedops.${ACCOUNT}.json`);
  expect(JSON.parse(await readFile(keepsake, "utf8"))).toMatchObject({ url: lab.url, signingSecret: JWT_SECRET });
  expect((await stat(keepsake)).mode & 0o777).toBe(0o600);

  // The next release. The admin password is known, so the fleet is looked at.
  rehearsal.terminal.env.ADMIN_PASSWORD = lab.password;
  await rehearsal.deploy("r2");
  const second = vendor.workers.served("zedops");
  expect(second?.annotations).toMatchObject({ "workers/tag": "r2" });
  expect(second?.secrets).toEqual(first?.secrets);
  expect(second?.bindings).toEqual(first?.bindings);
  expect(rehearsal.output).toContain("agents online before: 0, reconnected: 0, away: 0 so far");

  // And back.
  await rollBack(rehearsal.terminal);
  expect(vendor.workers.served("zedops")?.id).toBe(first?.id);

  for (const secret of [JWT_SECRET, "a long password", lab.password]) expect(rehearsal.output).not.toContain(secret);
});

test("a secret that the Worker lacks is set, and a rollback does not bring an old secret back", async () => {
  const { vendor, terminal } = rehearsal;
  terminal.env.ADMIN_PASSWORD = "a long password";
  await rehearsal.deploy("r1");
  const JWT_SECRET = vendor.workers.served("zedops")?.secrets.JWT_SECRET;
  await vendor.workers.forget("zedops", "ADMIN_PASSWORD");
  terminal.env.ADMIN_PASSWORD = "another password";
  await rehearsal.deploy("r2");
  expect(vendor.workers.served("zedops")?.secrets).toEqual({ ADMIN_PASSWORD: "another password", JWT_SECRET });

  await expect(rollBack(terminal)).rejects.toThrow(/a secret has changed.*git switch --detach r1 && make deploy/);
  expect(vendor.workers.served("zedops")?.annotations).toMatchObject({ "workers/tag": "r2" });
});

test("without a log-in, or without a permission, it says what to do", async () => {
  const { vendor, terminal } = rehearsal;
  const { CLOUDFLARE_API_TOKEN } = terminal.env;
  delete terminal.env.CLOUDFLARE_API_TOKEN;
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/not logged in to Cloudflare; run: npx wrangler login/);

  terminal.env.CLOUDFLARE_API_TOKEN = "a-token-of-somebody-else";
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/Cloudflare refuses the log-in.*D1 › Edit/);

  terminal.env.CLOUDFLARE_API_TOKEN = CLOUDFLARE_API_TOKEN;
  vendor.fail(`GET ${DATABASES}`, new VendorError(403, 10000, "Authentication error"));
  await expect(rehearsal.deploy("r1")).rejects.toThrow(
    /wrangler d1 list failed: Cloudflare refuses the log-in.*D1 › Edit/,
  );
  expect(vendor.calls.filter((call) => !call.startsWith("GET "))).toEqual([]);
});

test("a Worker or a database of the same name that is not ours is left alone", async () => {
  const { vendor, terminal } = rehearsal;
  terminal.env.ADMIN_PASSWORD = "a long password";
  vendor.databases.create("zedops");
  vendor.databases.run("zedops", "CREATE TABLE posts (id INTEGER)");
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/a database zedops that is not ours.*WORKER=zedops-2/);
  vendor.databases.drop("zedops");

  vendor.workers.createForeign("zedops");
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/a Worker zedops that is not ours.*WORKER=zedops-2/);
  expect(vendor.databases.names()).toEqual([]);

  // The name is taken between the look and the creation.
  terminal.env.WORKER = "zedops-2";
  vendor.fail(`POST ${DATABASES}`, new VendorError(400, 7502, "a database with that name already exists"));
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/d1 create zedops-2 failed.*already exists/s);

  // An account without a name on workers.dev.
  vendor.recover();
  vendor.fail(`GET /accounts/${ACCOUNT}/workers/subdomain`, new VendorError(404, 10007, "no subdomain"));
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/no workers\.dev name yet.*workers\/onboarding/s);

  // An upload that fails leaves a database that the next run uses.
  vendor.recover();
  vendor.fail(`PUT ${WORKERS}/*`, new VendorError(403, 10000, "Authentication error"));
  await expect(rehearsal.deploy("r1")).rejects.toThrow(/wrangler deploy failed: Cloudflare refuses the log-in/);
  vendor.recover();
  await rehearsal.deploy("r1");
  expect(vendor.databases.names()).toEqual(["zedops-2"]);
  expect(vendor.workers.served("zedops-2")?.secrets.ADMIN_PASSWORD).toBe("a long password");
});
