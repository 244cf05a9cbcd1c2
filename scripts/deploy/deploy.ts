/** `make deploy`: from an account to a manager that serves, and from one release to the next. Every step can be repeated. */
import { UserError } from "../stack/user-error.ts";
import { describeAssets, listAssets, requireWithinLimits } from "./assets.ts";
import {
  allMigrations,
  createDatabase,
  findDatabase,
  listTables,
  migrate,
  pendingMigrations,
  requireRegistry,
} from "./database.ts";
import { callRoll, RESET_WITHIN_MS, sayCost } from "./fleet.ts";
import { readKeepsake } from "./keepsake.ts";
import { lookAt, rollOut, sayFirstAgent, valuesOf } from "./rollout.ts";
import { missingSecrets } from "./secrets.ts";
import { findTarget, type Target, writeConfig } from "./target.ts";
import { step, type Terminal } from "./terminal.ts";
import { findSecrets, isManager } from "./worker.ts";
import { both } from "./wrangler.ts";

export interface DeployOptions {
  /** Builds everything that is uploaded. */
  build: (terminal: Terminal) => Promise<void>;
  /** The name of the release. */
  release: string;
  /** Whether to say only what would happen. */
  dryRun?: boolean;
  /** Whether to watch the fleet until every hub has the new version. */
  watch?: boolean;
  /** Whether every hub takes the new version at once, and loses its sockets. */
  isImmediate?: boolean;
}

/** Returns the manager's URL; undefined after a dry run. */
export async function deploy(terminal: Terminal, options: DeployOptions): Promise<string | undefined> {
  const plan = await step(terminal, "Looking at the account", () => makePlan(terminal));
  const { target, secrets, databaseId, present } = plan;
  terminal.say(`   account ${target.account.name}, Worker ${target.name}: ${present ? "an upgrade" : "new"}`);
  const registry = databaseId === undefined ? undefined : await openRegistry(target, databaseId);
  // Before anything is built or created, so that a mistake costs nothing.
  const values = options.dryRun ? {} : await valuesOf(secrets);
  await options.build(terminal);
  const assets = await listAssets();
  requireWithinLimits(assets);

  if (options.dryRun) {
    const pending =
      registry === undefined
        ? await allMigrations()
        : await pendingMigrations(target, registry.config, registry.tables);
    for (const line of [
      ...(registry === undefined ? [`create the database ${target.name}`] : []),
      ...secrets.map(({ name, origin }) => `set the secret ${name} (${origin})`),
      pending.length === 0 ? "apply no migration" : `apply ${pending.length} migrations: ${pending.join(", ")}`,
      `upload release ${options.release} with ${describeAssets(assets)}; Cloudflare takes only files that it does not have`,
    ])
      terminal.say(`   would ${line}`);
    terminal.say("\nDry run: nothing was changed.");
    return undefined;
  }

  const config = registry?.config ?? (await createRegistry(target));
  await step(terminal, "Migrating the database", () => migrateOrExplain(target, config));
  const { url: known, signingSecret } = await readKeepsake(target);
  const password = values.ADMIN_PASSWORD ?? (terminal.env.ADMIN_PASSWORD || undefined);
  const before = await callRoll(terminal.env.MANAGER_URL || known, password);
  const url = await step(terminal, `Uploading ${describeAssets(assets)} and deploying release ${options.release}`, () =>
    rollOut(target, config, options.release, values, options.isImmediate ?? false),
  );
  await lookAt(terminal, url, assets);
  if (present !== undefined) {
    const watchMs = options.watch ? RESET_WITHIN_MS : 0;
    await step(terminal, "Looking at the fleet", () => sayCost(terminal, url, password, before, watchMs));
  }
  if (signingSecret === undefined)
    terminal.say(
      "   This machine has no copy of JWT_SECRET, and Cloudflare does not show it: make sure that you have one.",
    );
  await sayFirstAgent(terminal, url);
  return url;
}

async function makePlan(terminal: Terminal) {
  const target = await findTarget(terminal);
  const [present, databaseId] = await both(findSecrets(target), findDatabase(target));
  if (present !== undefined && databaseId === undefined) await refuseWithoutDatabase(target);
  return { target, present, databaseId, secrets: await missingSecrets(target, present ?? []) };
}

/** A Worker without its database is either not ours, or has lost the registry of a whole fleet. */
async function refuseWithoutDatabase(target: Target): Promise<never> {
  const { name } = target;
  if (!(await isManager(target)))
    throw new UserError(
      `the account has a Worker ${name} that is not ours; choose another name: make deploy WORKER=${name}-2`,
    );
  throw new UserError(
    `the manager ${name} has lost its database; restore a backup: make restore FILE=zedops.sql\n` +
      `To begin with an empty one instead, in which no agent is known: npx wrangler d1 create ${name}, then make deploy`,
  );
}

/** The configuration and the tables of the database that is there. Throws if it is not a manager's. */
async function openRegistry(target: Target, databaseId: string): Promise<{ config: string; tables: string[] }> {
  const config = await writeConfig(target, databaseId);
  const tables = await listTables(target, config);
  requireRegistry(target, tables);
  return { config, tables };
}

/** Creates the database and returns the configuration with it. */
async function createRegistry(target: Target): Promise<string> {
  const create = () => createDatabase(target);
  return await writeConfig(target, await step(target.terminal, `Creating the database ${target.name}`, create));
}

async function migrateOrExplain(target: Target, config: string): Promise<void> {
  try {
    await migrate(target, config);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      "a migration failed. The migrations before it are applied, it is not, and the manager of before serves on. " +
        `Run make deploy again; if it fails again, report what D1 said:\n${error.message}`,
    );
  }
}
