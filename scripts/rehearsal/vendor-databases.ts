/** D1 of the stand-in: each database is a file of SQLite, and its queries run. */
import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { dump } from "./dump.ts";
import { ACCOUNT, type Routes, VendorError } from "./vendor-route.ts";

interface Database {
  uuid: string;
  name: string;
  sqlite: DatabaseSync;
}

const Import = z.discriminatedUnion("action", [
  z.object({ action: z.literal("init"), etag: z.string() }),
  z.object({ action: z.literal("ingest"), etag: z.string(), filename: z.string() }),
]);

export class VendorDatabases {
  /** The file of the next database, in place of one in the stand-in's own folder. */
  nextFile: string | undefined;
  readonly #folder: string;
  readonly #databases: Database[] = [];
  /** Uploaded and exported files, by name. */
  readonly #files = new Map<string, Buffer>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Creates a database, as wrangler does by `d1 create`. */
  create(name: string): Database {
    if (this.#databases.some((database) => database.name === name))
      throw new VendorError(400, 7502, "a database with that name already exists");
    const uuid = randomUUID();
    const sqlite = new DatabaseSync(this.nextFile ?? join(this.#folder, `${uuid}.sqlite`), { timeout: 10_000 });
    this.nextFile = undefined;
    const database = { uuid, name, sqlite };
    this.#databases.push(database);
    return database;
  }

  /** Loses a database with everything in it. */
  drop(name: string): void {
    const at = this.#databases.findIndex((database) => database.name === name);
    this.#databases.splice(at, 1)[0]?.sqlite.close();
  }

  /** The names of the databases. */
  names(): string[] {
    return this.#databases.map(({ name }) => name);
  }

  run(name: string, sql: string): void {
    this.#find(name).sqlite.exec(sql);
  }

  /** The rows of a query. */
  query(name: string, sql: string): unknown[] {
    return this.#find(name).sqlite.prepare(sql).all();
  }

  close(): void {
    for (const { sqlite } of this.#databases) sqlite.close();
  }

  routes(): Routes {
    const databases = `/accounts/${ACCOUNT}/d1/database`;
    return {
      [`GET ${databases}`]: ({ query }) => {
        const wanted = query.get("name");
        const found = this.#databases.filter(({ name }) => wanted === null || name.includes(wanted));
        const isFirst = (query.get("page") ?? "1") === "1";
        return { result: isFirst ? found.map(({ uuid, name }) => ({ uuid, name, version: "production" })) : [] };
      },
      [`POST ${databases}`]: ({ body }) => {
        const { name } = z.object({ name: z.string() }).parse(JSON.parse(body.toString()));
        const { uuid } = this.create(name);
        return { result: { uuid, name, version: "production" } };
      },
      [`GET ${databases}/*`]: ({ params: [id] }) => {
        const { uuid, name } = this.#find(id);
        return { result: { uuid, name } };
      },
      [`POST ${databases}/*/query`]: ({ params: [id], body }) => {
        const { sql } = z.object({ sql: z.string() }).parse(JSON.parse(body.toString()));
        return { result: this.#run(this.#find(id), sql) };
      },
      [`POST ${databases}/*/export`]: ({ params: [id], origin }) => {
        this.#files.set(`${id}.sql`, Buffer.from(dump(this.#find(id).sqlite)));
        const signed_url = `${origin}/signed/${id}.sql`;
        const result = { filename: `${id}.sql`, signed_url };
        return { result: { success: true, status: "complete", at_bookmark: "b", messages: [], result } };
      },
      [`POST ${databases}/*/import`]: ({ params: [id], body, origin }) => {
        const order = Import.parse(JSON.parse(body.toString()));
        const filename = `${order.etag}.sql`;
        if (order.action === "init")
          return { result: { success: true, upload_url: `${origin}/signed/${filename}`, filename } };
        const { sqlite } = this.#find(id);
        this.#whole(sqlite, this.#files.get(filename)?.toString() ?? "");
        const meta = { duration: 1, rows_read: 0, rows_written: 0, size_after: 0 };
        const result = { num_queries: 1, final_bookmark: "b", meta };
        return { result: { success: true, status: "complete", messages: [], at_bookmark: "b", result } };
      },
      "PUT /signed/*": ({ params: [name = ""], body }) => {
        this.#files.set(name, body);
        return { bare: "", headers: { etag: `"${createHash("md5").update(body).digest("hex")}"` } };
      },
      "GET /signed/*": ({ params: [name = ""] }) => ({ bare: this.#files.get(name)?.toString() ?? "" }),
    };
  }

  /** One statement with rows, or several without. As in D1, several take effect together or not at all. */
  #run({ sqlite }: Database, sql: string): unknown[] {
    const meta = { duration: 1, changes: 0, last_row_id: 0, changed_db: false, rows_read: 0, rows_written: 0 };
    if (/^\s*(SELECT|PRAGMA)\b/i.test(sql)) {
      try {
        return [{ success: true, results: sqlite.prepare(sql).all(), meta }];
      } catch (error) {
        throw new VendorError(400, 7500, `${error instanceof Error ? error.message : error}: SQLITE_ERROR`);
      }
    }
    this.#whole(sqlite, sql);
    return [{ success: true, results: [], meta }];
  }

  #whole(sqlite: DatabaseSync, sql: string): void {
    try {
      sqlite.exec("BEGIN");
      sqlite.exec(sql);
      sqlite.exec("COMMIT");
    } catch (error) {
      sqlite.exec("ROLLBACK");
      throw new VendorError(400, 7500, `${error instanceof Error ? error.message : error}: SQLITE_ERROR`);
    }
  }

  #find(idOrName: string | undefined): Database {
    const found = this.#databases.find(({ uuid, name }) => uuid === idOrName || name === idOrName);
    if (found === undefined) throw new VendorError(404, 7404, `The database ${idOrName} could not be found`);
    return found;
  }
}
