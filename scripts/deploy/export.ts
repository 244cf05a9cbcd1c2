import { readFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { UserError } from "../stack/user-error.ts";

const Agent = z.object({
  id: z.string(),
  name: z.string(),
  hostname: z.string(),
  connectedAt: z.number().nullable(),
});

/** An agent of an export that may connect: it is neither removed nor revoked. */
export type ExportedAgent = z.infer<typeof Agent>;

/** What an export of a registry holds. */
export interface Export {
  readonly agents: ExportedAgent[];
  /** The migrations that its database had. */
  readonly migrations: string[];
  /** The ids of the keys that signed its agents' tokens, as far as they are known. */
  readonly keyIds: string[];
}

/** Reads an export by running it in memory, so that a damaged file is found before anything is changed. */
export async function readExport(file: string): Promise<Export> {
  const sql = await readFile(file, "utf8").catch((error: unknown) => {
    throw new UserError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  });
  const sqlite = new DatabaseSync(":memory:");
  try {
    sqlite.exec(sql);
    const agents = sqlite
      .prepare(
        `SELECT id, name, hostname, connected_at AS connectedAt FROM agents
         WHERE deleted_at IS NULL AND revoked_at IS NULL ORDER BY name`,
      )
      .all();
    const migrations = namesOf(sqlite, "SELECT name FROM d1_migrations");
    const hasKeys = namesOf(sqlite, "SELECT name FROM pragma_table_info('agents')").includes("key_id");
    const keyIds = hasKeys
      ? namesOf(sqlite, "SELECT DISTINCT key_id AS name FROM agents WHERE keyed_hash = token_hash")
      : [];
    return { agents: z.array(Agent).parse(agents), migrations, keyIds };
  } catch (error) {
    throw new UserError(
      `${file} is no export of a manager's database: ${error instanceof Error ? error.message : error}`,
    );
  } finally {
    sqlite.close();
  }
}

function namesOf(sqlite: DatabaseSync, sql: string): string[] {
  return z
    .array(z.object({ name: z.string() }))
    .parse(sqlite.prepare(sql).all())
    .map(({ name }) => name);
}
