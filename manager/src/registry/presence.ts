/** D1 writes of presence: what the hubs' outboxes flush. */
import type { Transition } from "../hub/presence.ts";

/**
 * Writes transitions in one batch: all or none. A row that a newer connection has written since is left as it is.
 * @returns the agents among them that were removed or revoked, perhaps after they had been admitted
 * @throws when D1 fails; the caller keeps the transitions and tries again
 */
export async function writeTransitions(db: D1Database, transitions: readonly Transition[]): Promise<string[]> {
  const update = db.prepare(
    `UPDATE agents SET status = ?3, reason = ?4, since = ?5, last_seen = ?6, connected_at = ?7, address = ?8,
       version = ?9, os = ?10, arch = ?11, hostname = ?12, generation = ?2
     WHERE id = ?1 AND generation <= ?2
     RETURNING id, deleted_at IS NOT NULL OR revoked_at IS NOT NULL AS barred`,
  );
  const written = await db.batch<{ id: string; barred: 0 | 1 }>(
    transitions.map((t) =>
      update.bind(
        t.agentId,
        t.generation,
        t.status,
        t.reason,
        t.since,
        t.lastSeen,
        t.connectedAt,
        t.address,
        t.host.version,
        t.host.os,
        t.host.arch,
        t.host.hostname,
      ),
    ),
  );
  return written.flatMap(({ results }) => results.filter(({ barred }) => barred === 1).map(({ id }) => id));
}
