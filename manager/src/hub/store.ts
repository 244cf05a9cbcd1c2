/**
 * A hub's own SQLite: the connections it believes in, and the outbox of transitions that the registry has not got yet.
 * Written before anything is acknowledged, so a rebuilt hub can tell what changed while it was gone.
 */
import type { CloneHost } from "../presence/clone.ts";
import type { Transition } from "../presence/presence.ts";
import type { ReplacedHost } from "./clones.ts";
import type { ConnectionState } from "./connection.ts";
import type { TransitionStore } from "./outbox.ts";
import type { RosterStore } from "./roster.ts";

export class HubStore implements RosterStore, TransitionStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS connections (
        id      TEXT PRIMARY KEY,
        state   TEXT NOT NULL            -- ConnectionState as of its arrival; of an HTTP lease, as of its last beat
      ) STRICT;
      CREATE TABLE IF NOT EXISTS outbox (
        seq        INTEGER PRIMARY KEY AUTOINCREMENT,
        transition TEXT NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS displaced (
        agent_id TEXT NOT NULL,
        boot_id  TEXT NOT NULL,
        first_at INTEGER NOT NULL,       -- when it was replaced for the first time
        seen_at  INTEGER NOT NULL,       -- when for the last
        host     TEXT NOT NULL,          -- CloneHost
        PRIMARY KEY (agent_id, boot_id)
      ) STRICT;
      CREATE TABLE IF NOT EXISTS sweep (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        at INTEGER NOT NULL              -- when the connections were last seen to be alive
      ) STRICT;
    `);
  }

  /** Connections that this hub believes are there. */
  connections(): ConnectionState[] {
    return this.#sql
      .exec<{ state: string }>("SELECT state FROM connections")
      .toArray()
      .map(({ state }) => JSON.parse(state) as ConnectionState);
  }

  putConnection(state: ConnectionState): void {
    this.#sql.exec("INSERT OR REPLACE INTO connections (id, state) VALUES (?, ?)", state.id, JSON.stringify(state));
  }

  deleteConnection(id: string): void {
    this.#sql.exec("DELETE FROM connections WHERE id = ?", id);
  }

  append(transition: Transition): void {
    this.#sql.exec("INSERT INTO outbox (transition) VALUES (?)", JSON.stringify(transition));
  }

  /** The oldest transitions that the registry has not got, in order. */
  unflushed(limit: number): { seq: number; transition: Transition }[] {
    return this.#sql
      .exec<{ seq: number; transition: string }>("SELECT seq, transition FROM outbox ORDER BY seq LIMIT ?", limit)
      .toArray()
      .map(({ seq, transition }) => ({ seq, transition: JSON.parse(transition) as Transition }));
  }

  /** Forgets the transitions up to `seq`: the registry has them. */
  flushed(seq: number): void {
    this.#sql.exec("DELETE FROM outbox WHERE seq <= ?", seq);
  }

  /** The host of this boot, if another of the same identity has replaced it. */
  replacedHost(agentId: string, bootId: string): ReplacedHost | null {
    const [row] = this.#sql
      .exec<{ host: string; first_at: number }>(
        "SELECT host, first_at FROM displaced WHERE agent_id = ? AND boot_id = ?",
        agentId,
        bootId,
      )
      .toArray();
    return row === undefined ? null : { host: JSON.parse(row.host) as CloneHost, firstAt: row.first_at };
  }

  /** Remembers a replaced host, and forgets all that were last replaced before `before`. */
  putReplacedHost(agentId: string, host: CloneHost, before: number): ReplacedHost {
    this.#sql.exec("DELETE FROM displaced WHERE seen_at < ?", before);
    const { first_at } = this.#sql
      .exec<{ first_at: number }>(
        `INSERT INTO displaced (agent_id, boot_id, first_at, seen_at, host) VALUES (?1, ?2, ?3, ?3, ?4)
         ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, host = excluded.host RETURNING first_at`,
        agentId,
        host.bootId,
        host.seenAt,
        JSON.stringify(host),
      )
      .one();
    return { host, firstAt: first_at };
  }

  get sweptAt(): number {
    return this.#sql.exec<{ at: number }>("SELECT at FROM sweep").toArray()[0]?.at ?? 0;
  }

  set sweptAt(at: number) {
    this.#sql.exec("INSERT OR REPLACE INTO sweep (id, at) VALUES (1, ?)", at);
  }
}
