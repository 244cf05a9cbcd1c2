/** D1 queries for presence: they write the transitions from the hubs' outboxes, and read the timeline. */
import { newest, type Transition } from "../presence/presence.ts";
import { FLAPPING, KEPT, type StoredEvent } from "../presence/timeline.ts";
import { query } from "./query.ts";

/** The newest event first. Within a generation the end comes before the beginning: "offline" sorts before "online". */
const NEWEST_FIRST = "ORDER BY generation DESC, status";

/** Nothing is stored for a removed agent. */
const INSERT_EVENTS = `INSERT OR IGNORE INTO events (agent_id, generation, status, at, reason, address, close_code)
  SELECT value ->> 'agentId', value ->> 'generation', value ->> 'status', value ->> 'since', value ->> 'reason',
    value ->> 'address', value ->> 'closeCode'
  FROM json_each(?1)
  WHERE EXISTS (SELECT 1 FROM agents WHERE id = value ->> 'agentId' AND deleted_at IS NULL)`;

/** The WHERE clause is `supersedes` in SQL. If a revoked agent goes offline, its reason is always `revoked`. */
const UPDATE_AGENTS = `UPDATE agents SET generation = t.generation, status = t.status, since = t.since,
    reason = iif(t.status = 'offline' AND revoked_at IS NOT NULL, 'revoked', t.reason),
    last_seen = t.last_seen, connected_at = t.connected_at, address = t.address,
    version = t.version, os = t.os, arch = t.arch, hostname = t.hostname, hub = ?2,
    burst_at = (SELECT at FROM events WHERE agent_id = agents.id ${NEWEST_FIRST} LIMIT 1 OFFSET ${FLAPPING.transitions - 1})
  FROM (SELECT value ->> 'agentId' AS agent_id, value ->> 'generation' AS generation, value ->> 'status' AS status,
      value ->> 'since' AS since, value ->> 'reason' AS reason, value ->> 'lastSeen' AS last_seen,
      value ->> 'connectedAt' AS connected_at, value ->> 'address' AS address, value ->> '$.host.version' AS version,
      value ->> '$.host.os' AS os, value ->> '$.host.arch' AS arch, value ->> '$.host.hostname' AS hostname
    FROM json_each(?1)) AS t
  WHERE agents.id = t.agent_id
    AND (agents.generation < t.generation OR agents.generation = t.generation AND agents.status = 'online')`;

/** Runs after the update and finds stale connections, see {@link StaleConnection}. */
const SELECT_STALE = `SELECT agents.id AS agentId, value ->> 'generation' AS generation,
    deleted_at IS NOT NULL OR revoked_at IS NOT NULL AS barred
  FROM json_each(?1) CROSS JOIN agents ON agents.id = value ->> 'agentId'
  WHERE deleted_at IS NOT NULL OR revoked_at IS NOT NULL
    OR value ->> 'status' = 'online'
      AND (agents.generation > value ->> 'generation'
        OR agents.generation = value ->> 'generation' AND agents.status = 'offline')`;

/**
 * Deletes whole connections only. It keeps the connection of the last event to keep, and all newer ones. By age, it
 * keeps the newest connection with an event that is too old, because that connection may have lasted longer; it deletes
 * the ones before it. It reads the key of each agent's events once, in the order of the key. A window function would
 * read five times as much.
 */
const PRUNE_EVENTS = `DELETE FROM events WHERE (agent_id, generation) IN (
    SELECT events.agent_id, events.generation
    FROM (SELECT value ->> 'agentId' AS agent_id,
        max(
          coalesce((SELECT generation FROM events WHERE agent_id = value ->> 'agentId'
            ORDER BY generation DESC LIMIT 1 OFFSET ${KEPT.transitions - 1}), 0),
          coalesce(iif((SELECT at FROM events WHERE agent_id = value ->> 'agentId' ORDER BY generation LIMIT 1) < ?2,
            (SELECT generation FROM events WHERE agent_id = value ->> 'agentId' AND at < ?2
              ORDER BY generation DESC LIMIT 1), 0), 0)
        ) AS first
      FROM json_each(?1)) AS kept
    CROSS JOIN events ON events.agent_id = kept.agent_id AND events.generation < kept.first)`;

/** Writes a hub's row only if the hub is new, or if its number of parked transitions has changed. */
const UPSERT_HUB = `INSERT INTO hubs (name, parked) VALUES (?1, ?2)
  ON CONFLICT (name) DO UPDATE SET parked = excluded.parked WHERE parked <> excluded.parked`;

/** The hub that writes the transitions. */
export interface WritingHub {
  readonly name: string;
  /** The number of transitions that the registry rejected and the hub keeps. */
  readonly parked: number;
}

/** A connection that the registry cannot show. Its hub must close it. */
export interface StaleConnection {
  readonly agentId: string;
  readonly generation: number;
  /**
   * 1: the agent was removed or revoked, perhaps after this connection was admitted. 0: the registry has a connection
   * of the agent with a newer generation, or the end of the same generation. So it would never show this connection.
   */
  readonly barred: 0 | 1;
}

/**
 * Writes transitions in one batch: all or none. The batch has five statements for any number of transitions. A repeated
 * write changes nothing, and it does not overwrite a row that a newer connection has written since.
 * @returns the stale connections among them
 * @throws if D1 fails; the caller keeps the transitions and tries again
 */
export async function writeTransitions(
  db: D1Database,
  hub: WritingHub,
  transitions: readonly Transition[],
): Promise<StaleConnection[]> {
  const latest = JSON.stringify([...newest(transitions).values()]);
  const [, , , stale] = await db.batch<StaleConnection>([
    db.prepare(INSERT_EVENTS).bind(JSON.stringify(transitions)),
    db.prepare(UPDATE_AGENTS).bind(latest, hub.name),
    db.prepare(PRUNE_EVENTS).bind(latest, Date.now() - KEPT.ms),
    db.prepare(SELECT_STALE).bind(latest),
    db.prepare(UPSERT_HUB).bind(hub.name, hub.parked),
  ]);
  return stale?.results ?? [];
}

/** The stored events of an agent, in the order that `timeline` needs. */
export async function listEvents(db: D1Database, agentId: string): Promise<StoredEvent[]> {
  const { results } = await query(
    db
      .prepare(
        `SELECT generation, status, at, reason, address, close_code AS closeCode FROM events
         WHERE agent_id = ? ${NEWEST_FIRST} LIMIT ${KEPT.transitions}`,
      )
      .bind(agentId)
      .all<StoredEvent>(),
  );
  return results;
}
