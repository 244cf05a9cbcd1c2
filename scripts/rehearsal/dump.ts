import type { DatabaseSync } from "node:sqlite";

/** A database as SQL, in the order of D1's exports: tables with their rows, then indexes and triggers. */
export function dump(sqlite: DatabaseSync): string {
  const rows = sqlite
    .prepare(
      "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'",
    )
    .all() as { type: string; name: string; sql: string }[];
  const tables = rows.filter(({ type }) => type === "table");
  const others = rows.filter(({ type }) => type !== "table");
  return [
    "PRAGMA defer_foreign_keys=TRUE",
    ...tables.flatMap(({ name, sql }) => [sql, ...inserts(sqlite, name)]),
    ...others.map(({ sql }) => sql),
  ]
    .map((statement) => `${statement};\n`)
    .join("");
}

function inserts(sqlite: DatabaseSync, table: string): string[] {
  const columns = sqlite.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[];
  const values = columns.map(({ name }) => `quote("${name}")`).join(" || ',' || ");
  const names = columns.map(({ name }) => `"${name}"`).join(",");
  const rows = sqlite.prepare(`SELECT ${values} AS row FROM "${table}"`).all() as { row: string }[];
  return rows.map(({ row }) => `INSERT INTO "${table}" (${names}) VALUES(${row})`);
}
