/** D1 queries that change one agent or several: revoke, remove, label. */
import { AGENT_COLUMNS, type AgentRecord, type AgentRow, agentRecord } from "./agents.ts";
import { type AuditEvent, type Operator, recordAuditEvents } from "./audit.ts";
import { isWithinLimit, labelPatch } from "./labels.ts";
import { query } from "./query.ts";

/** An agent that is in the registry, as it is afterwards. */
export interface Handled {
  readonly record: AgentRecord;
  /** Whether the action changed it. */
  readonly isChanged: boolean;
  /** Whether it is removed, by this action or before. */
  readonly isRemoved: boolean;
}

interface Action {
  readonly event: AuditEvent;
  /** Which of the agents it changes, in SQL. `?2` is `parameter`, here and in `set`. */
  readonly condition: string;
  readonly set: string;
  readonly parameter: string | number;
}

/** Makes the tokens of agents void for good. */
export function revokeAgents(db: D1Database, operator: Operator, ids: readonly string[]): Promise<Handled[]> {
  return act(db, operator, ids, {
    event: { action: "agent.revoke" },
    condition: "revoked_at IS NULL AND deleted_at IS NULL",
    // An agent that is online gets the reason when its hub ends the connection.
    set: "revoked_at = ?2, reason = iif(status = 'offline', 'revoked', reason)",
    parameter: Date.now(),
  });
}

/** Removes agents and their timelines. Their rows stay as tombstones, so that their tokens stay refused. */
export function removeAgents(db: D1Database, operator: Operator, ids: readonly string[]): Promise<Handled[]> {
  const action: Action = {
    event: { action: "agent.remove" },
    condition: "deleted_at IS NULL",
    set: "deleted_at = ?2",
    parameter: Date.now(),
  };
  return act(db, operator, ids, action, [
    db.prepare("DELETE FROM events WHERE agent_id IN (SELECT value FROM json_each(?))").bind(JSON.stringify(ids)),
  ]);
}

/**
 * Adds labels to agents, and removes the labels with the keys `removed`. An agent that would have too many labels is
 * not changed.
 * @param removed keys; none of them may be the key of an added label
 */
export function labelAgents(
  db: D1Database,
  operator: Operator,
  ids: readonly string[],
  { added, removed }: { added: readonly string[]; removed: readonly string[] },
): Promise<Handled[]> {
  const labels = "json_patch(coalesce(labels, '{}'), ?2)";
  return act(db, operator, ids, {
    event: { action: "agent.label", detail: { add: added.join(", "), remove: removed.join(", ") } },
    condition: `deleted_at IS NULL AND ${isWithinLimit(labels)}`,
    set: `labels = ${labels}`,
    parameter: labelPatch(added, removed),
  });
}

/** Does the action in one batch: on all of the agents or on none. */
async function act(
  db: D1Database,
  operator: Operator,
  ids: readonly string[],
  { event, condition, set, parameter }: Action,
  others: readonly D1PreparedStatement[] = [],
): Promise<Handled[]> {
  const list = JSON.stringify(ids);
  const listed = "id IN (SELECT value FROM json_each(?1))";
  const columns = `${AGENT_COLUMNS}, deleted_at IS NOT NULL AS isRemoved`;
  const [, updated, found] = await query(
    db.batch<AgentRow & { isRemoved: 0 | 1 }>([
      // Before the change, which makes the condition false.
      recordAuditEvents(db, operator, event, {
        condition: `${listed} AND ${condition}`,
        parameters: [list, parameter],
      }),
      db
        .prepare(
          `UPDATE agents SET ${set}, revision = revision + 1 WHERE ${listed} AND ${condition} RETURNING ${columns}`,
        )
        .bind(list, parameter),
      db.prepare(`SELECT ${columns} FROM agents WHERE ${listed}`).bind(list),
      ...others,
    ]),
  );
  const changed = new Set(updated?.results.map(({ id }) => id));
  return (found?.results ?? []).map(({ isRemoved, ...row }) => ({
    record: agentRecord(row),
    isChanged: changed.has(row.id),
    isRemoved: isRemoved === 1,
  }));
}
