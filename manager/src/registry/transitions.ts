/** D1 queries on presence: what the hubs' outboxes flush, and the timeline that it leaves. */
import { newest, type Transition } from "../presence/presence.ts";
import { FLAPPING, KEPT, type StoredEvent } from "../presence/timeline.ts";
import { query } from "./query.ts";

/** How many connections of an agent come and go until its timeline is pruned, on average. */
export const PRUNED_EVERY = 16;

/** The newest first: of one generation, its end comes before its beginning. */
const NEWEST_FIRST = "ORDER BY generation DESC, status";

/** Where a statement finds transitions: one in `?1` itself, or many in a list of them, which costs more rows for each. */
interface Source {
  readonly transition: string;
  readonly from: string;
}

const ONE: Source = { transition: "?1", from: "" };
const MANY: Source = { transition: "value", from: "FROM json_each(?1)" };

/** Of an agent that was removed nothing is kept. */
const insertEvents = ({ transition: t, from }: Source) => `
  INSERT OR IGNORE INTO events (agent_id, generation, status, at, reason, address, close_code)
  SELECT ${t} ->> 'agentId', ${t} ->> 'generation', ${t} ->> 'status', ${t} ->> 'since', ${t} ->> 'reason',
    ${t} ->> 'address', ${t} ->> 'closeCode'
  ${from} WHERE EXISTS (SELECT 1 FROM agents WHERE id = ${t} ->> 'agentId' AND deleted_at IS NULL)`;

/**
 * The WHERE is `supersedes`, in SQL. A revocation is never written over by the end of a connection that it came after. An agent
 * whose last transition is long ago does not flap by this one: then no event is read. Beginnings and ends take turns, so every
 * second transition before this one has its status: they are counted without sorting.
 */
const updateAgents = ({ transition: t, from }: Source) => `
  UPDATE agents SET generation = ${t} ->> 'generation', status = ${t} ->> 'status', since = ${t} ->> 'since',
    reason = iif(${t} ->> 'status' = 'offline' AND revoked_at IS NOT NULL, 'revoked', ${t} ->> 'reason'),
    last_seen = ${t} ->> 'lastSeen', connected_at = ${t} ->> 'connectedAt', address = ${t} ->> 'address',
    version = ${t} ->> '$.host.version', os = ${t} ->> '$.host.os', arch = ${t} ->> '$.host.arch',
    hostname = ${t} ->> '$.host.hostname', hub = ?2,
    burst_at = iif(since >= ${t} ->> 'since' - ${FLAPPING.withinMs}, (SELECT at FROM events WHERE agent_id = agents.id
      AND status = ${t} ->> 'status' ORDER BY generation DESC LIMIT 1 OFFSET ${(FLAPPING.transitions - 1) / 2}), NULL)
  ${from} WHERE agents.id = ${t} ->> 'agentId'
    AND (agents.generation < ${t} ->> 'generation' OR agents.generation = ${t} ->> 'generation' AND agents.status = 'online')
  RETURNING id AS agentId, deleted_at IS NOT NULL OR revoked_at IS NOT NULL AS barred`;

/** Of transitions that the update did not take: the connections that the registry has no place for. */
const SELECT_STALE = `SELECT agents.id AS agentId, value ->> 'generation' AS generation,
    deleted_at IS NOT NULL OR revoked_at IS NOT NULL AS barred
  FROM json_each(?1) CROSS JOIN agents ON agents.id = value ->> 'agentId'
  WHERE deleted_at IS NOT NULL OR revoked_at IS NOT NULL
    OR value ->> 'status' = 'online'
      AND (agents.generation > value ->> 'generation'
        OR agents.generation = value ->> 'generation' AND agents.status = 'offline')`;

/**
 * Whole connections go, those before the one that the last event to keep belongs to, and before the newest that is too old:
 * that one lasted until it was not. It reads the key of each agent's events once, in its own order; a window function would
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

/** Hubs that are known write nothing here, unless the number of their parked transitions has changed. */
const UPSERT_HUB = `INSERT INTO hubs (name, parked) VALUES (?1, ?2)
  ON CONFLICT (name) DO UPDATE SET parked = excluded.parked WHERE parked <> excluded.parked`;

/** A hub that writes transitions. */
export interface WritingHub {
  readonly name: string;
  /** Transitions that the registry rejected and the hub keeps. */
  readonly parked: number;
}

/** A connection that the registry has no place for: its hub must close it. */
export interface StaleConnection {
  readonly agentId: string;
  readonly generation: number;
  /**
   * 1: the agent was removed or revoked, perhaps after it had been admitted. 0: the registry has a connection that was admitted
   * after this one, or as late, and so would never show this one.
   */
  readonly barred: 0 | 1;
}

/**
 * Writes transitions in one batch, all or none: at most four statements, however many they are. Written again they change
 * nothing, and a row that a newer connection has written since is left as it is.
 * @returns the connections among them that the registry has no place for
 * @throws when D1 fails; the caller keeps the transitions and tries again
 */
export async function writeTransitions(
  db: D1Database,
  hub: WritingHub,
  transitions: readonly Transition[],
): Promise<StaleConnection[]> {
  const latest = [...newest(transitions).values()];
  const source = transitions.length === 1 ? ONE : MANY;
  const json = (written: readonly Transition[]) => JSON.stringify(source === ONE ? written[0] : written);
  const due = latest.filter(isPruningDue);
  const [, updated] = await db.batch<{ agentId: string; barred: 0 | 1 }>([
    db.prepare(insertEvents(source)).bind(json(transitions)),
    db.prepare(updateAgents(source)).bind(json(latest), hub.name),
    db.prepare(UPSERT_HUB).bind(hub.name, hub.parked),
    ...(due.length === 0 ? [] : [db.prepare(PRUNE_EVENTS).bind(JSON.stringify(due), Date.now() - KEPT.ms)]),
  ]);
  return findStale(db, latest, new Map(updated?.results.map(({ agentId, barred }) => [agentId, barred])));
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

/** What is kept of an agent's transitions, as `timeline` takes it. */
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
