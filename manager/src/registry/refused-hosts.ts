/**
 * Remembers the last host that showed an enrolment token and was refused, so that an operator who waits for it learns
 * why it does not come. Whoever has the token can be refused as often as they like, so few refusals are written.
 */
import { query } from "./query.ts";

export interface RefusedHost {
  /** The error code that the host got. */
  readonly code: string;
  readonly at: number;
  readonly address: string | null;
  /** Null if the host was refused before it said its name. */
  readonly hostname: string | null;
}

/** The least time between two refusals of one token that are written, in milliseconds. */
const WRITTEN_EVERY_MS = 5_000;
/** The same if the last refusal has the same code and address: a host that tries again says nothing new. */
const SAME_WRITTEN_EVERY_MS = 60_000;

/** Stores a refusal as the enrolment's last one, unless one was stored just before. Unknown enrolments have no row. */
export async function recordRefusedHost(db: D1Database, enrolmentId: string, host: RefusedHost): Promise<void> {
  const { code, at, address, hostname } = host;
  await query(
    db
      .prepare(
        `UPDATE enrolments SET refused_at = ?2, refusal_code = ?3, refused_address = ?4, refused_hostname = ?5
         WHERE id = ?1 AND (refused_at IS NULL OR refused_at <= ?2 - CASE
           WHEN refusal_code = ?3 AND refused_address IS ?4 AND refused_hostname IS ?5 THEN ${SAME_WRITTEN_EVERY_MS}
           ELSE ${WRITTEN_EVERY_MS} END)`,
      )
      .bind(enrolmentId, at, code, address, hostname)
      .run(),
  );
}
