/**
 * D1 queries for the rotation of an agent's token. The new token is first a candidate. Until the agent uses the
 * candidate, both tokens are good. Then the old token is void.
 */
import { type Operator, recordAuditEvent } from "./audit.ts";
import { query } from "./query.ts";

/** Stores a candidate. It replaces an earlier candidate. Returns false if there is no such agent. */
export async function offerToken(db: D1Database, operator: Operator, id: string, hash: string): Promise<boolean> {
  const [offered] = await query(
    db.batch([
      db
        .prepare("UPDATE agents SET candidate_hash = ? WHERE id = ? AND revoked_at IS NULL AND deleted_at IS NULL")
        .bind(hash, id),
      recordAuditEvent(db, operator, { action: "agent.rotate", target: id }),
    ]),
  );
  return offered !== undefined && offered.meta.changes > 0;
}

/** Deletes a candidate that did not reach its agent. */
export async function withdrawOffer(db: D1Database, id: string, hash: string): Promise<void> {
  await query(
    db.prepare("UPDATE agents SET candidate_hash = NULL WHERE id = ? AND candidate_hash = ?").bind(id, hash).run(),
  );
}

/**
 * Makes the candidate the agent's token. The earlier token is now void. Returns false if a newer candidate has replaced
 * it.
 */
export async function promoteCandidate(db: D1Database, id: string, hash: string): Promise<boolean> {
  const taken = await query(
    db
      .prepare(
        `UPDATE agents SET token_hash = ?2, candidate_hash = iif(candidate_hash = ?2, NULL, candidate_hash)
         WHERE id = ?1 AND (candidate_hash = ?2 OR token_hash = ?2)`,
      )
      .bind(id, hash)
      .run(),
  );
  return taken.meta.changes > 0;
}
