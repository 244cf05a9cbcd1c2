/**
 * A hub's own SQLite: its connections, and the outbox of transitions that the registry does not have yet. Rows are
 * written before anything is acknowledged. So a restarted hub can find out which connections ended while it was gone.
 *
 * Other versions of this code write and read these tables too (docs/STORAGE.md "Versions"). A row that cannot be read
 * is set aside: it is logged and moved to the table `unreadable`, where it does not disturb the hub.
 */
import { z } from "zod";
import type { Log } from "../log.ts";
import { CloneHost } from "../presence/clone.ts";
import { Transition } from "../presence/presence.ts";
import type { ReplacedHost } from "./clones.ts";
import { type ConnectionState, parseState } from "./connection-state.ts";
import type { ParkedTransition, TransitionStore } from "./outbox.ts";
import type { RosterStore, StoredConnection } from "./roster.ts";
import { type LastSweep, SweepRecord } from "./sweep-record.ts";

const CREATE_CONNECTIONS = `CREATE TABLE IF NOT EXISTS connections (
        id      TEXT PRIMARY KEY,
        state   TEXT NOT NULL            -- ConnectionState: at the registration; for an HTTP lease, at the last beat.
                                         -- Of an ended connection also \`end\`, a Transition
      ) STRICT, WITHOUT ROWID`;

/** The ids that {@link httpConnectionId} makes. */
const IS_HTTP_LEASE = "id >= 'http-' AND id < 'http.'";

/** The version of the JSON in these rows. Version 0 had no `v`. */
const VERSION = 1;

/** How many unreadable values are kept. Older ones are deleted. */
const MAX_UNREADABLE = 100;

/** The number of parked transitions to keep: the latest. */
const MAX_PARKED = 1_000;

export class HubStore implements RosterStore, TransitionStore {
  readonly #sql: SqlStorage;
  readonly #log: Log;

  constructor(sql: SqlStorage, log: Log) {
    this.#sql = sql;
    this.#log = log;
    sql.exec(`
      ${CREATE_CONNECTIONS};
      CREATE TABLE IF NOT EXISTS outbox (
        seq        INTEGER PRIMARY KEY AUTOINCREMENT,
        transition TEXT NOT NULL         -- Transition
      ) STRICT;
      CREATE TABLE IF NOT EXISTS parked (
        seq        INTEGER PRIMARY KEY,  -- its seq in the outbox
        transition TEXT NOT NULL,        -- Transition
        error      TEXT NOT NULL,        -- why the registry rejected it
        at         INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS displaced (
        agent_id TEXT NOT NULL,
        boot_id  TEXT NOT NULL,
        first_at INTEGER NOT NULL,       -- when it was replaced for the first time
        seen_at  INTEGER NOT NULL,       -- when it was replaced for the last time
        host     TEXT NOT NULL,          -- CloneHost
        PRIMARY KEY (agent_id, boot_id)
      ) STRICT;
      CREATE TABLE IF NOT EXISTS sweep (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        at    INTEGER NOT NULL,          -- when the last stored sweep was
        known TEXT                       -- SweepRecord; NULL if an earlier release made this sweep
      ) STRICT;
      CREATE TABLE IF NOT EXISTS unreadable (
        seq    INTEGER PRIMARY KEY,
        source TEXT NOT NULL,            -- the table it was in, or 'attachment'
        id     TEXT NOT NULL,            -- its key there
        text   TEXT NOT NULL,
        at     INTEGER NOT NULL
      ) STRICT;
    `);
  }

  connections(): StoredConnection[] {
    return this.#readConnections("SELECT id, state FROM connections");
  }

  httpLeases(): StoredConnection[] {
    return this.#readConnections(`SELECT id, state FROM connections WHERE ${IS_HTTP_LEASE}`);
  }

  connection(id: string): StoredConnection | null {
    return this.#readConnections("SELECT id, state FROM connections WHERE id = ?", id)[0] ?? null;
  }

  #readConnections(query: string, ...values: string[]): StoredConnection[] {
    const rows = this.#sql.exec<{ id: string; state: string }>(query, ...values).toArray();
    return rows.flatMap(({ id, state: text }) => {
      const stored = json(text);
      const state = parseState(stored);
      if (state !== null) return [{ state, end: parseEnd(stored) }];
      this.setAside("connections", id, text);
      this.deleteConnections([id]);
      return [];
    });
  }

  connectionIds(limit = -1): string[] {
    const socketIds = [`id < 'http-'`, `id >= 'http.'`].map((range) => `SELECT id FROM connections WHERE ${range}`);
    return this.#sql
      .exec<{ id: string }>(`${socketIds.join(" UNION ALL ")} LIMIT ?`, limit)
      .toArray()
      .map(({ id }) => id);
  }

  get hasConnections(): boolean {
    return this.#sql.exec("SELECT 1 FROM connections LIMIT 1").toArray().length > 0;
  }

  putConnection(state: ConnectionState): void {
    this.#sql.exec(
      "INSERT INTO connections (id, state) VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
      state.id,
      JSON.stringify(state),
    );
  }

  endConnection(id: string, end: Transition): boolean {
    // The next HTTP lease of an agent has the same row.
    const { rowsWritten } = this.#sql.exec(
      `UPDATE connections SET state = json_set(state, '$.end', json(?))
       WHERE id = ? AND json_valid(state) AND NOT (${IS_HTTP_LEASE})`,
      JSON.stringify({ v: VERSION, ...end }),
      id,
    );
    return rowsWritten > 0;
  }

  deleteConnections(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#sql.exec("DELETE FROM connections WHERE id IN (SELECT value FROM json_each(?))", JSON.stringify(ids));
  }

  forgetConnections(): void {
    this.#sql.exec("DELETE FROM connections");
  }

  append(transition: Transition): void {
    this.#sql.exec("INSERT INTO outbox (transition) VALUES (?)", JSON.stringify({ v: VERSION, ...transition }));
  }

  get hasUnflushed(): boolean {
    return this.#sql.exec("SELECT 1 FROM outbox LIMIT 1").toArray().length > 0;
  }

  unflushed(limit: number): { seq: number; transition: Transition }[] {
    const rows = this.#sql
      .exec<{ seq: number; transition: string }>("SELECT seq, transition FROM outbox ORDER BY seq LIMIT ?", limit)
      .toArray();
    return rows.flatMap(({ seq, transition }) => {
      const parsed = parse(Transition, transition);
      if (parsed !== null) return [{ seq, transition: parsed }];
      this.setAside("outbox", String(seq), transition);
      this.#sql.exec("DELETE FROM outbox WHERE seq = ?", seq);
      return [];
    });
  }

  deleteFlushed(seqs: readonly number[]): void {
    this.#sql.exec("DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))", JSON.stringify(seqs));
  }

  park(seq: number, error: string): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO parked (seq, transition, error, at)
       SELECT seq, transition, ?, ? FROM outbox WHERE seq = ?`,
      error,
      Date.now(),
      seq,
    );
    this.#sql.exec(
      "DELETE FROM parked WHERE seq NOT IN (SELECT seq FROM parked ORDER BY seq DESC LIMIT ?)",
      MAX_PARKED,
    );
    this.#sql.exec("DELETE FROM outbox WHERE seq = ?", seq);
  }

  get parkedCount(): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM parked").one().n;
  }

  /** The latest first. */
  parked(): ParkedTransition[] {
    const rows = this.#sql
      .exec<{ transition: string; error: string; at: number }>(
        "SELECT transition, error, at FROM parked ORDER BY seq DESC LIMIT 100",
      )
      .toArray();
    return rows.map(({ transition, error, at }) => ({ at, error, transitionJson: transition }));
  }

  forgetParked(): void {
    this.#sql.exec("DELETE FROM parked");
  }

  replacedHost(agentId: string, bootId: string): ReplacedHost | null {
    const [row] = this.#sql
      .exec<{ host: string; first_at: number }>(
        "SELECT host, first_at FROM displaced WHERE agent_id = ? AND boot_id = ?",
        agentId,
        bootId,
      )
      .toArray();
    if (row === undefined) return null;
    const host = parse(CloneHost, row.host);
    if (host !== null) return { host, firstAt: row.first_at };
    this.setAside("displaced", `${agentId} ${bootId}`, row.host);
    this.#sql.exec("DELETE FROM displaced WHERE agent_id = ? AND boot_id = ?", agentId, bootId);
    return null;
  }

  putReplacedHost(agentId: string, host: CloneHost, before: number): ReplacedHost {
    this.#sql.exec("DELETE FROM displaced WHERE seen_at < ?", before);
    const { first_at } = this.#sql
      .exec<{ first_at: number }>(
        `INSERT INTO displaced (agent_id, boot_id, first_at, seen_at, host) VALUES (?1, ?2, ?3, ?3, ?4)
         ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, host = excluded.host RETURNING first_at`,
        agentId,
        host.bootId,
        host.seenAt,
        JSON.stringify({ v: VERSION, ...host }),
      )
      .one();
    return { host, firstAt: first_at };
  }

  lastSweep(): LastSweep {
    const row = this.#readSweep();
    if (row === undefined) return { at: 0, known: null };
    return { at: row.at, known: row.known === null ? null : parse(SweepRecord, row.known) };
  }

  #readSweep(): { at: number; known: string | null } | undefined {
    const read = () => this.#sql.exec<{ at: number; known: string | null }>("SELECT at, known FROM sweep").toArray()[0];
    try {
      return read();
    } catch {
      // An earlier release has made the tables.
      this.#upgradeTables();
      return read();
    }
  }

  saveSweep(at: number, known: SweepRecord): void {
    this.#sql.exec(
      `INSERT INTO sweep (id, at, known) VALUES (1, ?, ?)
       ON CONFLICT DO UPDATE SET at = excluded.at, known = excluded.known`,
      at,
      JSON.stringify({ v: VERSION, ...known }),
    );
  }

  /**
   * Gives the tables of an earlier release their present form. Its statements work on both forms. Without the rowid, a
   * connection is one row and not two.
   */
  #upgradeTables(): void {
    this.#sql.exec(`
      ALTER TABLE sweep ADD COLUMN known TEXT;
      ALTER TABLE connections RENAME TO connections_with_rowid;
      ${CREATE_CONNECTIONS};
      INSERT INTO connections (id, state) SELECT id, state FROM connections_with_rowid;
      DROP TABLE connections_with_rowid;
    `);
  }

  setAside(source: string, id: string, text: string): void {
    this.#log.error("a stored value cannot be read and is set aside; another version may have stored it", {
      source,
      id,
    });
    this.#sql.exec("INSERT INTO unreadable (source, id, text, at) VALUES (?, ?, ?, ?)", source, id, text, Date.now());
    this.#sql.exec(
      "DELETE FROM unreadable WHERE seq NOT IN (SELECT seq FROM unreadable ORDER BY seq DESC LIMIT ?)",
      MAX_UNREADABLE,
    );
  }
}

/** The end in a connection's row; null if it has not ended. */
function parseEnd(stored: unknown): Transition | null {
  const { data } = z.object({ end: Transition }).safeParse(stored);
  return data?.end ?? null;
}

function parse<T>(schema: z.ZodType<T>, text: string): T | null {
  const parsed = schema.safeParse(json(text));
  return parsed.success ? parsed.data : null;
}

/** The parsed value of a JSON text; undefined if the text is not JSON. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
