import { readdir } from "node:fs/promises";
import { z } from "zod";
import { inRepository } from "../stack/repository.ts";
import { UserError } from "../stack/user-error.ts";
import type { Target } from "./target.ts";
import { runWrangler } from "./wrangler.ts";

const List = z.array(z.object({ uuid: z.string(), name: z.string() }));
const Created = z.array(z.object({ results: z.array(z.object({ name: z.string() })) }));

/** The id of the manager's database; undefined if the account has none of that name. */
export async function findDatabase({ terminal, name, databaseId }: Target): Promise<string | undefined> {
  const databases = List.parse(JSON.parse(await runWrangler(terminal, ["d1", "list", "--json"])));
  const found = databases.find(({ uuid, ...database }) =>
    databaseId === undefined ? database.name === name : uuid === databaseId,
  );
  if (databaseId !== undefined && found === undefined)
    throw new UserError(`the account has no database ${databaseId}, which manager/wrangler.jsonc names`);
  return found?.uuid;
}

/** Creates the manager's database and returns its id. */
export async function createDatabase(target: Target): Promise<string> {
  const { terminal, name } = target;
  const location = terminal.env.LOCATION ? ["--location", terminal.env.LOCATION] : [];
  await runWrangler(terminal, ["d1", "create", name, ...location, "--update-config=false"]);
  const id = await findDatabase(target);
  if (id === undefined)
    throw new UserError(`the database ${name} was created, but is not listed yet; run the command again`);
  return id;
}

/** The tables of a database. */
export async function listTables(target: Target, config: string): Promise<string[]> {
  return await namesOf(target, config, "SELECT name FROM sqlite_master WHERE type = 'table'");
}

/** Whether a database with these tables is that of a manager. An empty one can become it. */
export function isRegistry(tables: readonly string[]): boolean {
  const own = tables.filter((name) => !/^(_cf_|sqlite_|d1_migrations$)/.test(name));
  return own.length === 0 || (own.includes("agents") && own.includes("enrolments"));
}

/** Throws if the database belongs to something else. */
export function requireRegistry({ name }: Target, tables: readonly string[]): void {
  if (isRegistry(tables)) return;
  throw new UserError(
    `the account has a database ${name} that is not ours; choose another name: make deploy WORKER=${name}-2`,
  );
}

/** The migrations that the database lacks, in their order. */
export async function pendingMigrations(target: Target, config: string, tables: readonly string[]): Promise<string[]> {
  const applied = tables.includes("d1_migrations")
    ? await namesOf(target, config, "SELECT name FROM d1_migrations")
    : [];
  return (await allMigrations()).filter((name) => !applied.includes(name));
}

export async function allMigrations(): Promise<string[]> {
  const files = await readdir(inRepository("manager/migrations"));
  return files.filter((name) => name.endsWith(".sql")).toSorted();
}

/** Brings the database to the present release. Returns what wrangler said. */
export async function migrate({ terminal }: Target, config: string): Promise<void> {
  await runWrangler(terminal, ["d1", "migrations", "apply", "DB", "--remote", "--config", config]);
}

/** Runs a file of SQL, which takes effect as a whole or not at all. */
export async function importFile({ terminal }: Target, config: string, file: string): Promise<void> {
  await runWrangler(terminal, ["d1", "execute", "DB", "--remote", "--yes", "--file", file, "--config", config]);
}

/** Writes the whole database into a file of SQL. */
export async function exportFile({ terminal }: Target, config: string, file: string): Promise<void> {
  await runWrangler(terminal, [
    ...["d1", "export", "DB", "--remote", "--skip-confirmation", "--output", file],
    ...["--config", config],
  ]);
}

async function namesOf({ terminal }: Target, config: string, sql: string): Promise<string[]> {
  const args = ["d1", "execute", "DB", "--remote", "--json", "--yes", "--command", sql, "--config", config];
  const [answer] = Created.parse(JSON.parse(await runWrangler(terminal, args)));
  return (answer?.results ?? []).map(({ name }) => name);
}
