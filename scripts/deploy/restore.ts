/** `make restore`: a manager whose database is lost gets it back from an export, and its agents come back as who they were. */
import { setTimeout as pause } from "node:timers/promises";
import { Admin } from "../stack/admin.ts";
import { UserError } from "../stack/user-error.ts";
import { allMigrations, createDatabase, findDatabase, importFile, listTables } from "./database.ts";
import { type DeployOptions, deploy } from "./deploy.ts";
import { type Export, type ExportedAgent, readExport } from "./export.ts";
import { keepsakeFile, readKeepsake } from "./keepsake.ts";
import { keyId, newPassword } from "./secrets.ts";
import { findTarget, type Target, writeConfig } from "./target.ts";
import { askAdminPassword, step, type Terminal } from "./terminal.ts";
import { findSecrets } from "./worker.ts";
import { both } from "./wrangler.ts";

/** An agent that lost its manager for longer tries once a minute. */
const BACK_WITHIN_MS = 120_000;
const POLL_MS = 2_000;
const LISTED = 50;

export interface RestoreOptions extends Pick<DeployOptions, "build" | "release"> {
  file: string;
  /** How long to wait for the agents. */
  waitMs?: number;
}

export async function restore(terminal: Terminal, options: RestoreOptions): Promise<void> {
  const { file, release, waitMs = BACK_WITHIN_MS } = options;
  const saved = await step(terminal, `Reading ${file}`, () => readExport(file));
  await refuseNewerExport(saved);
  terminal.say(`   ${saved.agents.length} agents`);
  const target = await findTarget(terminal);
  const [present, found] = await both(findSecrets(target), findDatabase(target));
  if (!present?.includes("JWT_SECRET")) await requireSigningSecret(target, saved);
  if (found !== undefined) await refuseFullDatabase(target, found);
  const password = present?.includes("ADMIN_PASSWORD")
    ? await askAdminPassword(terminal)
    : await newPassword(terminal, "ADMIN_PASSWORD").value();
  await options.build(terminal);
  const id = found ?? (await step(terminal, `Creating the database ${target.name}`, () => createDatabase(target)));
  const config = await writeConfig(target, id);
  await step(terminal, "Importing", () => importFile(target, config, file));

  // Hubs of the lost database are replaced at once, so every agent shows its token to the restored one.
  const url = await deploy(
    // It must not be asked for twice.
    { ...terminal, env: { ...terminal.env, ADMIN_PASSWORD: password } },
    { build: async () => {}, release, isImmediate: true },
  ).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`the database is restored, but the deploy failed; go on with make deploy\n${error.message}`);
  });
  if (url === undefined) return;
  const admin = new Admin(new URL(url), password);
  const away = await step(terminal, "Waiting for the agents", () => untilBack(terminal, admin, saved.agents, waitMs));
  sayAway(terminal, away, url);
}

async function refuseNewerExport({ migrations }: Export): Promise<void> {
  const known = await allMigrations();
  const unknown = migrations.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UserError(
      `the export is of a newer release, which has ${unknown.join(", ")}; check that release out first`,
    );
}

/** Without the secret that signed their tokens, no agent could come back. */
async function requireSigningSecret(target: Target, { keyIds }: Export): Promise<void> {
  const secret = target.terminal.env.JWT_SECRET || (await readKeepsake(target)).signingSecret;
  if (secret === undefined) {
    throw new UserError(
      `the Worker has no JWT_SECRET, and neither has ${keepsakeFile(target)}; ` +
        "put the one that signed the agents' tokens into the environment: read -rs JWT_SECRET && export JWT_SECRET",
    );
  }
  if (keyIds.length > 0 && !keyIds.includes(keyId(secret)))
    throw new UserError("the JWT_SECRET at hand has signed none of the tokens of the export; find the right one first");
}

async function refuseFullDatabase(target: Target, id: string): Promise<void> {
  const tables = await listTables(target, await writeConfig(target, id));
  if (tables.every((name) => /^(_cf_|sqlite_)/.test(name))) return;
  throw new UserError(
    `the account has a database ${target.name} already, and a restore would mix the two. ` +
      `If it is to be replaced: make backup, then npx wrangler d1 delete ${target.name}, then make restore again`,
  );
}

/** Waits until the agents of an export are back. Returns those that are not. */
async function untilBack(
  terminal: Terminal,
  admin: Admin,
  saved: readonly ExportedAgent[],
  waitMs: number,
): Promise<ExportedAgent[]> {
  const deadline = performance.now() + waitMs;
  let said = -1;
  for (;;) {
    const now = new Map((await admin.agents()).map((agent) => [agent.id, agent]));
    // Until its first flush, the registry shows an agent as the export has it.
    const away = saved.filter(({ id, connectedAt }) => {
      const agent = now.get(id);
      return agent?.status !== "online" || agent.connectedAt === connectedAt;
    });
    if (away.length !== said) terminal.say(`   ${saved.length - away.length} of ${saved.length} are back`);
    said = away.length;
    if (away.length === 0 || performance.now() > deadline) return away;
    await pause(POLL_MS);
  }
}

function sayAway(terminal: Terminal, away: readonly ExportedAgent[], url: string): void {
  if (away.length > 0) {
    terminal.say(`\n  Agents of the export that are not back: ${away.length}\n`);
    for (const { id, name, hostname } of away.slice(0, LISTED)) terminal.say(`    ${name} (${id}, host ${hostname})`);
    if (away.length > LISTED) terminal.say(`    and ${away.length - LISTED} more`);
    terminal.say(
      "\n  A host that is switched off comes back by itself. An agent that was rotated after the export needs a token:",
    );
    terminal.say(`  make token MANAGER_URL=${url}, then start the agent again with --token-file.`);
  }
  terminal.say(
    "\n  Hosts that enrolled after the export are not known any more, and need a token too. Their log says invalid_token.",
  );
}
