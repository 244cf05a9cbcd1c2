/** D1 queries for presence: they write the transitions from the hubs' outboxes, and read the timeline. */
import { newest, type Transition } from "../presence/presence.ts";
import { FLAPPING, KEPT, type StoredEvent } from "../presence/timeline.ts";
import { query } from "./query.ts";

/** A timeline is pruned once in this many connections, on average. */
export const PRUNED_EVERY = 16;

/** The newest event first. Within a generation the end comes before the beginning: "offline" sorts before "online". */
const NEWEST_FIRST = "ORDER BY generation DESC, status";

/** Where a statement finds its transitions: `?1` is one transition, or a list of them. A list costs more rows for each. */
interface Source {
  readonly transition: string;
  readonly from: string;
}

const ONE: Source = { transition: "?1", from: "" };
const MANY: Source = { transition: "value", from: "FROM json_each(?1)" };

/**
 * Overwrites the oldest event of an agent with a transition, if that event and the connection after it are too old to be kept.
 * A connection that has lasted into the time to keep is kept. An overwritten row is billed as one written row, key included;
 * to delete it and to insert another is billed as two. If there is no such event, this reads one row, and
 * {@link insertEvents} adds one.
 */
const reuseEvents = ({ transition: t, from }: Source) => `
  UPDATE OR IGNORE events SET generation = ${t} ->> 'generation', status = ${t} ->> 'status', at = ${t} ->> 'since',
    reason = ${t} ->> 'reason', address = ${t} ->> 'address', close_code = ${t} ->> 'closeCode'
  ${from} WHERE events.agent_id = ${t} ->> 'agentId' AND ${t} ->> 'since' >= ?2
    AND (events.generation, events.status) = (SELECT generation, status
      FROM (SELECT * FROM events AS old WHERE old.agent_id = ${t} ->> 'agentId' ORDER BY generation, status LIMIT 1) AS oldest
      WHERE at < ?2 AND (SELECT at FROM events AS next WHERE next.agent_id = oldest.agent_id
        AND next.generation > oldest.generation ORDER BY generation LIMIT 1) < ?2)`;

/** Nothing is stored for a removed agent. A transition that is stored already stays as it is. */
const insertEvents = ({ transition: t, from }: Source) => `
  INSERT OR IGNORE INTO events (agent_id, generation, status, at, reason, address, close_code)
  SELECT ${t} ->> 'agentId', ${t} ->> 'generation', ${t} ->> 'status', ${t} ->> 'since', ${t} ->> 'reason',
    ${t} ->> 'address', ${t} ->> 'closeCode'
  ${from} WHERE EXISTS (SELECT 1 FROM agents WHERE id = ${t} ->> 'agentId' AND deleted_at IS NULL)`;

/**
 * The WHERE clause is `supersedes` in SQL. If a revoked agent goes offline, its reason is always `revoked`. If the agent's last
 * transition was long ago, this one does not make it flap, and no event is read. Beginnings and ends alternate, so every second
 * earlier transition has the status of this one. They are counted without sorting.
 */
const updateAgents = ({ transition: t, from }: Source) => `
  UPDATE agents SET generation = ${t} ->> 'generation', status = ${t} ->> 'status', since = ${t} ->> 'since',
    reason = iif(${t} ->> 'status' = 'offline' AND revoked_at IS NOT NULL, 'revoked', ${t} ->> 'reason'),
    last_seen = ${t} ->> 'lastSeen', connected_at = ${t} ->> 'connectedAt', address = ${t} ->> 'address',
    version = ${t} ->> '$.host.version', os = ${t} ->> '$.host.os', arch = ${t} ->> '$.host.arch',
    hostname = ${t} ->> '$.host.hostname', hub = ?2, hub_generation = ${t} ->> 'generation',
    burst_at = iif(since >= ${t} ->> 'since' - ${FLAPPING.withinMs}, (SELECT at FROM events WHERE agent_id = agents.id
      AND status = ${t} ->> 'status' ORDER BY generation DESC LIMIT 1 OFFSET ${(FLAPPING.transitions - 1) / 2}), NULL)
  ${from} WHERE agents.id = ${t} ->> 'agentId'
    AND (agents.generation < ${t} ->> 'generation' OR agents.generation = ${t} ->> 'generation' AND agents.status = 'online')
  RETURNING id AS agentId, deleted_at IS NOT NULL OR revoked_at IS NOT NULL AS barred, burst_at AS burstAt`;

/** Runs on the transitions that the update did not take and finds stale connections, see {@link StaleConnection}. */
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

/** Writes nothing if the hub is known. registry/hubs.ts has the other queries on this table. */
const INSERT_HUB = "INSERT OR IGNORE INTO hubs (name, parked) VALUES (?1, 0)";

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

/** An agent whose latest transition was written. */
interface Updated {
  readonly agentId: string;
  readonly barred: 0 | 1;
  /** When the fifth-last transition was; null if the agent does not flap. */
  readonly burstAt: number | null;
}

/** What the registry says of transitions that it has taken. */
export interface Written {
  readonly stale: StaleConnection[];
  /** The agents that came or went often, and when their burst began; Unix milliseconds. */
  readonly bursts: readonly { readonly agentId: string; readonly burstAt: number }[];
}

/**
 * Writes transitions in one batch: all or none. The batch has at most five statements for any number of transitions. A
 * repeated write changes nothing, and it does not overwrite a row that a newer connection has written since.
 * @throws if D1 fails; the caller keeps the transitions and tries again
 */
export async function writeTransitions(
  db: D1Database,
  hub: string,
  transitions: readonly Transition[],
): Promise<Written> {
  const latest = [...newest(transitions).values()];
  const source = transitions.length === 1 ? ONE : MANY;
  const json = (written: readonly Transition[]) => JSON.stringify(source === ONE ? written[0] : written);
  const due = latest.filter(isPruningDue);
  const keptSince = Date.now() - KEPT.ms;
  const [, , updated] = await db.batch<Updated>([
    db.prepare(reuseEvents(source)).bind(json(transitions), keptSince),
    db.prepare(insertEvents(source)).bind(json(transitions)),
    db.prepare(updateAgents(source)).bind(json(latest), hub),
    db.prepare(INSERT_HUB).bind(hub),
    ...(due.length === 0 ? [] : [db.prepare(PRUNE_EVENTS).bind(JSON.stringify(due), keptSince)]),
  ]);
  const results = updated?.results ?? [];
  const stale = await findStale(db, latest, new Map(results.map(({ agentId, barred }) => [agentId, barred])));
  const bursts = results.flatMap(({ agentId, burstAt }) => (burstAt === null ? [] : [{ agentId, burstAt }]));
  return { stale, bursts };
}

/**
 * Stores how many transitions a hub has parked. It also runs the statements of a flush, without transitions. So if this works and
 * a flush does not, its transitions are the cause.
 */
export async function writeReport(db: D1Database, hub: string, parked: number, now: number): Promise<void> {
  await db.batch([
    db.prepare(reuseEvents(MANY)).bind("[]", now),
    db.prepare(insertEvents(MANY)).bind("[]"),
    db.prepare(updateAgents(MANY)).bind("[]", hub),
    db
      .prepare(
        `INSERT INTO hubs (name, parked, reported_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET parked = ?2, reported_at = ?3`,
      )
      .bind(hub, parked, now),
  ]);
}

/** Asks the registry only about connections that it did not take: those are few. */
async function findStale(
  db: D1Database,
  latest: readonly Transition[],
  updated: ReadonlyMap<string, 0 | 1>,
): Promise<StaleConnection[]> {
  const barred = latest.flatMap(({ agentId, generation }) =>
    updated.get(agentId) === 1 ? [{ agentId, generation, barred: 1 as const }] : [],
  );
  const left = latest.filter(({ agentId }) => !updated.has(agentId));
  if (left.length === 0) return barred;
  const { results } = await db.prepare(SELECT_STALE).bind(JSON.stringify(left)).all<StaleConnection>();
  return [...barred, ...results];
}

/** Pruning reads a whole timeline. So the end of a connection prunes it about once in {@link PRUNED_EVERY}; which is not stored. */
function isPruningDue({ status, generation }: Transition): boolean {
  return status === "offline" && generation % PRUNED_EVERY === 0;
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
