/** D1 queries for the agents in the API: list, find, rename, label. bulk.ts revokes and removes them. */
import { CloneReport } from "../presence/clone.ts";
import type { StoredPresence } from "../presence/presence.ts";
import { type AuditEvent, type Operator, recordAuditEvent } from "./audit.ts";
import { HUB } from "./hubs.ts";
import { matchesFilters, parseLabels, rarestFirst, storedLabels } from "./labels.ts";
import { parseColumn } from "./parse.ts";
import { query } from "./query.ts";

/** An agent's record in the registry: its identity, and its presence as of the last flush. */
export interface AgentRecord extends StoredPresence {
  readonly id: string;
  readonly name: string;
  /** Its labels, sorted. */
  readonly labels: readonly string[];
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

export const AGENT_COLUMNS = `id, name, labels, created_at AS createdAt, revision, revoked_at AS revokedAt, generation, status, reason, since, last_seen AS lastSeen,
  connected_at AS connectedAt, address, burst_at AS burstAt, clone, ${HUB} AS hub, version, os, arch, hostname`;

/** An agent's row in D1. */
export interface AgentRow extends Omit<AgentRecord, "clone" | "labels"> {
  readonly clone: string | null;
  readonly labels: string | null;
}

export function agentRecord(row: AgentRow): AgentRecord {
  const labels = parseLabels(row.labels, "agents.labels");
  return { ...row, labels, clone: parseColumn(CloneReport, row.clone, "agents.clone") };
}

/** A position in the list of agents. The list is sorted by name, then by id. */
export interface Position {
  readonly name: string;
  readonly id: string;
}

/**
 * Where the list is read: in an index that has its order. It seeks there. With COLLATE on the left side of the comparison,
 * SQLite would walk the index from its start.
 */
const BY_NAME = {
  from: "agents",
  isAfter: "(name, id) > (?1 COLLATE NOCASE, ?2)",
  order: "name COLLATE NOCASE, id",
} as const;
/** For a list with label filters. `agent_name` has NOCASE in its column. */
const BY_LABEL = {
  from: "agent_labels CROSS JOIN agents ON id = agent_id",
  isAfter: "(agent_name, agent_id) > (?1 COLLATE NOCASE, ?2)",
  order: "agent_name, agent_id",
} as const;
const MAY_HAVE = `(instr(lower(name || char(10) || id || char(10) || hostname || char(10) ||
  coalesce(address, '')), ?3) > 0 OR name || hostname GLOB '*[^ -~]*')`;

export interface Wanted {
  /** Folded text. SQLite folds ASCII only, so agents with other characters are always listed: see {@link isFound}. */
  readonly q: string | undefined;
  /** Label filters, all of which must match: docs/API.md "Agents". */
  readonly filters: readonly string[];
}

/**
 * Lists at most `limit` agents by name, after a position. With `q`, only agents that may have it in their name, id,
 * hostname or address; the caller checks them.
 */
export async function listAgents(
  db: D1Database,
  { q, filters, after, limit }: Wanted & { after: Position | null; limit: number },
): Promise<AgentRecord[]> {
  const { from, isAfter, order } = filters.length === 0 ? BY_NAME : BY_LABEL;
  const places = filters.map((_, place) => `?${place + 5}`);
  // Without `?1 IS NULL OR …`, which keeps SQLite from seeking.
  const conditions = [
    "deleted_at IS NULL",
    ...(filters.length === 0 ? [] : [matchesFilters(places)]),
    ...(after === null ? [] : [isAfter]),
    ...(q === undefined ? [] : [MAY_HAVE]),
  ];
  const { results } = await query(
    db
      .prepare(
        `SELECT ${AGENT_COLUMNS} FROM ${from} WHERE ${conditions.join(" AND ")}
         ORDER BY ${order} LIMIT ?4`,
      )
      .bind(after?.name ?? null, after?.id ?? null, q ?? null, limit, ...rarestFirst(filters))
      .all<AgentRow>(),
  );
  return results.map(agentRecord);
}

export async function findAgent(db: D1Database, id: string): Promise<AgentRecord | null> {
  const row = await query(
    db.prepare(`SELECT ${AGENT_COLUMNS} FROM agents WHERE id = ? AND deleted_at IS NULL`).bind(id).first<AgentRow>(),
  );
  return row && agentRecord(row);
}

/**
 * Gives an agent another name, other labels, or both; null if there is no such agent.
 * @param labels the whole new list
 */
export async function changeAgent(
  db: D1Database,
  operator: Operator,
  id: string,
  { name, labels }: { name?: string | undefined; labels?: readonly string[] | undefined },
): Promise<AgentRecord | null> {
  const change = (column: string, value: string | null, event: AuditEvent) => [
    db
      .prepare(
        `UPDATE agents SET ${column} = ?, revision = revision + 1 WHERE id = ? AND deleted_at IS NULL
         RETURNING ${AGENT_COLUMNS}`,
      )
      .bind(value, id),
    recordAuditEvent(db, operator, { ...event, target: id }),
  ];
  const renaming = name === undefined ? [] : change("name", name, { action: "agent.rename", detail: { name } });
  const labelling =
    labels === undefined
      ? []
      : change("labels", storedLabels(labels), { action: "agent.label", detail: { labels: labels.join(", ") } });
  const results = await query(db.batch<AgentRow>([...renaming, ...labelling]));
  const row = results.at(-2)?.results[0];
  return row === undefined ? null : agentRecord(row);
}
