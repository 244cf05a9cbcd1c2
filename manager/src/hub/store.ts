/**
 * A hub's own SQLite: what it believes of its connections, and the outbox of transitions that the registry has not got yet.
 * Written before anything is acknowledged, so a rebuilt hub can tell what changed while it was gone.
 */
import type { ConnectionState } from "./connection.ts";
import type { Transition } from "./presence.ts";

export class HubStore {
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

  get sweptAt(): number {
    return this.#sql.exec<{ at: number }>("SELECT at FROM sweep").toArray()[0]?.at ?? 0;
  }

  set sweptAt(at: number) {
    this.#sql.exec("INSERT OR REPLACE INTO sweep (id, at) VALUES (1, ?)", at);
  }
}
