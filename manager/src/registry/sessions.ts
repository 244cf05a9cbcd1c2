/** D1 queries for the dashboard's sessions. Only the hash of a session's id is stored. */
import { type Operator, recordAuditEvent } from "./audit.ts";
import { query } from "./query.ts";

const IDLE_MS = 12 * 3_600_000;
const ABSOLUTE_MS = 7 * 24 * 3_600_000;
/** The time of last use is stored at most this often, so that most requests of a dashboard write nothing. */
const TOUCH_EVERY_MS = 5 * 60_000;

/** Stores a new session, and deletes expired ones. */
export async function insertSession(db: D1Database, operator: Operator, idHash: string, now: number): Promise<void> {
  await query(
    db.batch([
      db
        .prepare("DELETE FROM sessions WHERE last_used_at < ? OR created_at < ?")
        .bind(now - IDLE_MS, now - ABSOLUTE_MS),
      db.prepare("INSERT INTO sessions (id_hash, created_at, last_used_at) VALUES (?1, ?2, ?2)").bind(idHash, now),
      recordAuditEvent(db, operator, { action: "session.begin" }),
    ]),
  );
}

/** Whether the session is valid: it was used within 12 hours and began within 7 days. Also stores the time of use. */
export async function useSession(db: D1Database, idHash: string, now: number): Promise<boolean> {
  const lastUsedAt = await query(
    db
      .prepare("SELECT last_used_at FROM sessions WHERE id_hash = ? AND last_used_at >= ? AND created_at >= ?")
      .bind(idHash, now - IDLE_MS, now - ABSOLUTE_MS)
      .first<number>("last_used_at"),
  );
  if (lastUsedAt === null) return false;
  if (now - lastUsedAt > TOUCH_EVERY_MS) {
    await query(db.prepare("UPDATE sessions SET last_used_at = ? WHERE id_hash = ?").bind(now, idHash).run());
  }
  return true;
}

/**
 * When the session ends if nobody uses it until then, in Unix milliseconds; null if it is over. The question itself does
 * not count as use.
 */
export async function sessionEnd(db: D1Database, idHash: string, now: number): Promise<number | null> {
  const end = await query(
    db
      .prepare("SELECT min(last_used_at + ?2, created_at + ?3) AS end FROM sessions WHERE id_hash = ?1")
      .bind(idHash, IDLE_MS, ABSOLUTE_MS)
      .first<number>("end"),
  );
  return end === null || end < now ? null : end;
}

export async function deleteSession(db: D1Database, operator: Operator, idHash: string): Promise<void> {
  await query(
    db.batch([
      db.prepare("DELETE FROM sessions WHERE id_hash = ?").bind(idHash),
      recordAuditEvent(db, operator, { action: "session.end" }),
    ]),
  );
}

/** Ends every session, of every operator. */
export async function deleteAllSessions(db: D1Database, operator: Operator): Promise<void> {
  await query(
    db.batch([
      db.prepare("DELETE FROM sessions"),
      recordAuditEvent(db, operator, { action: "session.end", detail: { sessions: "all" } }),
    ]),
  );
}
