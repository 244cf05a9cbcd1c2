/** D1 writes of presence: what the hubs' outboxes flush. */
import type { Transition } from "../hub/presence.ts";

/**
 * Writes transitions in one batch: all or none. A row that a newer connection has written since is left as it is.
 * @throws when D1 fails; the caller keeps the transitions and tries again
 */
export async function writeTransitions(db: D1Database, transitions: readonly Transition[]): Promise<void> {
  const update = db.prepare(
    `UPDATE agents SET status = ?3, reason = ?4, since = ?5, last_seen = ?6, connected_at = ?7, address = ?8,
       version = ?9, os = ?10, arch = ?11, hostname = ?12, generation = ?2
     WHERE id = ?1 AND generation <= ?2`,
  );
  await db.batch(
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
}
