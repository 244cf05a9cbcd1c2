/** D1 queries for enrolments. Each enrolment token has one enrolment. */
import { type Operator, recordAuditEvent } from "./audit.ts";
import { parseLabels, storedLabels } from "./labels.ts";
import { query } from "./query.ts";
import type { RefusedHost } from "./refused-hosts.ts";

export interface Enrolment {
  readonly id: string;
  readonly name: string | null;
  readonly maxUses: number;
  /** The labels that its agents get, sorted. */
  readonly labels: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface EnrolmentUsage extends Enrolment {
  readonly revokedAt: number | null;
  /** How many agents enrolled with it, including removed agents. */
  readonly uses: number;
  /** The latest of these agents, the newest first. */
  readonly agents: readonly { readonly id: string; readonly name: string }[];
  /** The last host that was refused with its token; null if there was none. */
  readonly lastRefusal: RefusedHost | null;
}

/** How many enrolments are listed. */
const LISTED = 500;
/**
 * How many agents of an enrolment are listed. An enrolment may have 10,000 agents, but a row of D1 is limited to 2 MB.
 */
export const LISTED_AGENTS = 100;

export async function insertEnrolment(db: D1Database, operator: Operator, enrolment: Enrolment): Promise<void> {
  const { id, name, maxUses, labels, createdAt, expiresAt } = enrolment;
  const labelled = labels.length === 0 ? {} : { labels: labels.join(", ") };
  await query(
    db.batch([
      db
        .prepare(
          "INSERT INTO enrolments (id, name, max_uses, created_at, expires_at, labels) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id, name, maxUses, createdAt, expiresAt, storedLabels(labels)),
      recordAuditEvent(db, operator, {
        action: "token.mint",
        target: id,
        detail: { name, maxUses, expiresAt, ...labelled },
      }),
    ]),
  );
}

/** The latest enrolments, the newest first. */
export async function listEnrolments(db: D1Database): Promise<EnrolmentUsage[]> {
  const { results } = await query(
    db.prepare(`${USAGE} ORDER BY e.created_at DESC, e.id LIMIT ?`).bind(LISTED).all<UsageRow>(),
  );
  return results.map(usageOf);
}

export async function findEnrolment(db: D1Database, id: string): Promise<EnrolmentUsage | null> {
  const row = await query(db.prepare(`${USAGE} WHERE e.id = ?`).bind(id).first<UsageRow>());
  return row && usageOf(row);
}

interface UsageRow extends Omit<EnrolmentUsage, "agents" | "labels" | "lastRefusal"> {
  readonly agents: string;
  readonly labels: string | null;
  readonly refusedAt: number | null;
  readonly refusalCode: string | null;
  readonly refusedAddress: string | null;
  readonly refusedHostname: string | null;
}

const USAGE = `SELECT e.id, e.name, e.max_uses AS maxUses, e.created_at AS createdAt, e.expires_at AS expiresAt,
    e.revoked_at AS revokedAt, e.uses, e.labels, e.refused_at AS refusedAt, e.refusal_code AS refusalCode,
    e.refused_address AS refusedAddress, e.refused_hostname AS refusedHostname,
    (SELECT json_group_array(json_object('id', a.id, 'name', a.name)) FROM (SELECT id, name FROM agents
      WHERE enrolment_id = e.id AND separated_from IS NULL
      ORDER BY created_at DESC, id LIMIT ${LISTED_AGENTS}) a) AS agents
  FROM enrolments e`;

function usageOf(row: UsageRow): EnrolmentUsage {
  const { agents, labels, refusedAt, refusalCode, refusedAddress, refusedHostname, ...enrolment } = row;
  const lastRefusal =
    refusedAt === null || refusalCode === null
      ? null
      : { code: refusalCode, at: refusedAt, address: refusedAddress, hostname: refusedHostname };
  return {
    ...enrolment,
    labels: parseLabels(labels, "enrolments.labels"),
    agents: JSON.parse(agents),
    lastRefusal,
  };
}

/**
 * Revokes an enrolment token. Agents that enrolled with it stay. Returns null if there is no such enrolment, false if
 * it was revoked before.
 */
export async function revokeEnrolment(db: D1Database, operator: Operator, id: string): Promise<boolean | null> {
  const [revoked] = await query(
    db.batch([
      db.prepare("UPDATE enrolments SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL").bind(Date.now(), id),
      recordAuditEvent(db, operator, { action: "token.revoke", target: id }),
    ]),
  );
  if (revoked !== undefined && revoked.meta.changes > 0) return true;
  const known = await query(db.prepare("SELECT 1 AS known FROM enrolments WHERE id = ?").bind(id).first("known"));
  return known === null ? null : false;
}
