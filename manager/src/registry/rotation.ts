/**
 * D1 queries on the rotation of an agent's token: offered as a candidate, good beside the old one, alone once it was
 * used.
 */
import { type Operator, recordAuditEvent } from "./audit.ts";
import { query } from "./query.ts";

/** Stores what an agent is about to be offered, in place of an offer before it; false when there is no such agent. */
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

/** Takes back an offer that did not reach its agent. */
export async function withdrawOffer(db: D1Database, id: string, hash: string): Promise<void> {
  await query(
    db.prepare("UPDATE agents SET candidate_hash = NULL WHERE id = ? AND candidate_hash = ?").bind(id, hash).run(),
  );
}

/**
 * The agent has come with its candidate: from here the token before it is void. False when another offer has taken its
 * place.
 */
export async function takeUpCandidate(db: D1Database, id: string, hash: string): Promise<boolean> {
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
