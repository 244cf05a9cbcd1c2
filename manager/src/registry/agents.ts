/** D1 queries for the agents in the API: list, find, rename, revoke, remove. */
import { CloneReport } from "../presence/clone.ts";
import type { StoredPresence } from "../presence/presence.ts";
import { type Operator, recordAuditEvent } from "./audit.ts";
import { HUB } from "./hubs.ts";
import { parseColumn } from "./parse.ts";
import { query } from "./query.ts";

/** An agent's record in the registry: its identity, and its presence as of the last flush. */
export interface AgentRecord extends StoredPresence {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  /** How often this record has changed, apart from its presence. */
  readonly revision: number;
  /** When an operator revoked the agent; null if none has. */
  readonly revokedAt: number | null;
  /** When the fifth-last transition was; null if there were fewer. The agent flaps if it is recent. */
  readonly burstAt: number | null;
  /** The latest report of a clone; null if there is none. */
  readonly clone: CloneReport | null;
  /** The hub that wrote the presence; null if it is not known. */
  readonly hub: string | null;
}

const COLUMNS = `id, name, created_at AS createdAt, revision, revoked_at AS revokedAt, generation, status, reason, since, last_seen AS lastSeen,
  connected_at AS connectedAt, address, burst_at AS burstAt, clone, ${HUB} AS hub, version, os, arch, hostname`;

/** An agent's row in D1. */
type AgentRow = Omit<AgentRecord, "clone"> & { readonly clone: string | null };

function record(row: AgentRow): AgentRecord {
  return { ...row, clone: parseColumn(CloneReport, row.clone, "agents.clone") };
}

/** A position in the list of agents. The list is sorted by name, then by id. */
export interface Position {
  readonly name: string;
  readonly id: string;
}

/** Seeks in the index `agents_by_name`. With COLLATE on the left side, SQLite would walk it from its start. */
const IS_AFTER = "(name, id) > (?1 COLLATE NOCASE, ?2)";
const MAY_HAVE = `(instr(lower(name || char(10) || id || char(10) || hostname || char(10) ||
  coalesce(address, '')), ?3) > 0 OR name || hostname GLOB '*[^ -~]*')`;

/**
 * Lists at most `limit` agents by name, after a position. With `q` (folded text), only agents that may have it in their
 * name, id, hostname or address. SQLite folds ASCII only, so agents with other characters are always returned: the
 * caller checks them with {@link isFound}.
 */
export async function listAgents(
  db: D1Database,
  { q, after, limit }: { q: string | undefined; after: Position | null; limit: number },
): Promise<AgentRecord[]> {
  // Without `?1 IS NULL OR …`, which keeps SQLite from seeking.
  const conditions = [
    "deleted_at IS NULL",
    ...(after === null ? [] : [IS_AFTER]),
    ...(q === undefined ? [] : [MAY_HAVE]),
  ];
  const { results } = await query(
    db
      .prepare(
        `SELECT ${COLUMNS} FROM agents WHERE ${conditions.join(" AND ")}
         ORDER BY name COLLATE NOCASE, id LIMIT ?4`,
      )
      .bind(after?.name ?? null, after?.id ?? null, q ?? null, limit)
      .all<AgentRow>(),
  );
  return results.map(record);
}

export async function findAgent(db: D1Database, id: string): Promise<AgentRecord | null> {
  const row = await query(
    db.prepare(`SELECT ${COLUMNS} FROM agents WHERE id = ? AND deleted_at IS NULL`).bind(id).first<AgentRow>(),
  );
  return row && record(row);
}

/** Renames an agent; null if there is no such agent. */
export async function renameAgent(
  db: D1Database,
  operator: Operator,
  id: string,
  name: string,
): Promise<AgentRecord | null> {
  const [renamed] = await query(
    db.batch<AgentRow>([
      db
        .prepare(
          `UPDATE agents SET name = ?, revision = revision + 1 WHERE id = ? AND deleted_at IS NULL RETURNING ${COLUMNS}`,
        )
        .bind(name, id),
      recordAuditEvent(db, operator, { action: "agent.rename", target: id, detail: { name } }),
    ]),
  );
  const row = renamed?.results[0];
  return row === undefined ? null : record(row);
}

/** Makes an agent's token void for good; null if there is no such agent. */
export async function revokeAgent(db: D1Database, operator: Operator, id: string): Promise<AgentRecord | null> {
  await query(
    db.batch([
      // An agent that is online gets the reason when its hub ends the connection.
      db
        .prepare(
          `UPDATE agents SET revoked_at = ?1, reason = iif(status = 'offline', 'revoked', reason),
             revision = revision + 1
           WHERE id = ?2 AND revoked_at IS NULL AND deleted_at IS NULL`,
        )
        .bind(Date.now(), id),
      recordAuditEvent(db, operator, { action: "agent.revoke", target: id }),
    ]),
  );
  return findAgent(db, id);
}

/**
 * Removes an agent and its timeline. Its row stays as a tombstone, so that its token stays refused. Returns the revision
 * of the tombstone; null if there is no such agent.
 */
export async function deleteAgent(db: D1Database, operator: Operator, id: string): Promise<number | null> {
  const [deleted] = await query(
    db.batch<{ revision: number }>([
      db
        .prepare(
          `UPDATE agents SET deleted_at = ?, revision = revision + 1 WHERE id = ? AND deleted_at IS NULL
           RETURNING revision`,
        )
        .bind(Date.now(), id),
      recordAuditEvent(db, operator, { action: "agent.remove", target: id }),
      db.prepare("DELETE FROM events WHERE agent_id = ?").bind(id),
    ]),
  );
  return deleted?.results[0]?.revision ?? null;
}
