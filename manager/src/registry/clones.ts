/** D1 queries for clones: two live hosts with one identity. */
import type { CloneReport } from "../presence/clone.ts";
import { type Operator, recordAuditEvent } from "./audit.ts";
import { query } from "./query.ts";

/** The version of the JSON in `agents.clone`. Version 0 had no `v`. */
const CLONE_VERSION = 1;

/** Stores the latest report of a clone. */
export async function reportClone(db: D1Database, agentId: string, report: CloneReport): Promise<void> {
  await query(
    db
      .prepare("UPDATE agents SET clone = ?, revision = revision + 1 WHERE id = ?")
      .bind(JSON.stringify({ v: CLONE_VERSION, ...report }), agentId)
      .run(),
  );
}

/**
 * Orders the separation of a clone's second host. Returns the host's boot id; null if the agent is not a clone, is
 * revoked, or does not exist.
 */
export async function orderSeparation(db: D1Database, operator: Operator, agentId: string): Promise<string | null> {
  const [ordered] = await query(
    db.batch<{ bootId: string }>([
      db
        .prepare(
          `UPDATE agents SET separate_boot = json_extract(clone, '$.second.bootId')
           WHERE id = ? AND clone IS NOT NULL AND revoked_at IS NULL AND deleted_at IS NULL
           RETURNING separate_boot AS bootId`,
        )
        .bind(agentId),
      recordAuditEvent(db, operator, { action: "agent.separate", target: agentId }),
    ]),
  );
  return ordered?.results[0]?.bootId ?? null;
}

/**
 * Stores a new agent for a clone's second host. The token is also stored as candidate until the host registers with it.
 * As long as it is a candidate, {@link dropSeparated} may delete the agent.
 * @returns false if the first agent was revoked or removed meanwhile
 */
export async function insertSeparated(
  db: D1Database,
  separated: { id: string; from: string; installId: string; tokenHash: string; now: number },
): Promise<boolean> {
  const { id, from, installId, tokenHash, now } = separated;
  const inserted = await query(
    db
      .prepare(
        `INSERT INTO agents (id, enrolment_id, install_id, name, token_hash, candidate_hash, created_at, generation,
           status, reason, since, version, os, arch, hostname, separated_from, labels)
         SELECT ?1, enrolment_id, ?3, substr(name, 1, 60) || ' (2)', ?4, ?4, ?5, 0,
           'offline', 'never_connected', ?5, version, os, arch, hostname, ?2, labels
         FROM agents WHERE id = ?2 AND revoked_at IS NULL AND deleted_at IS NULL`,
      )
      .bind(id, from, installId, tokenHash, now)
      .run(),
  );
  return inserted.meta.changes > 0;
}

/** Call this when the second host has its own identity: the first agent is not a clone any more. */
export async function finishSeparation(db: D1Database, agentId: string): Promise<void> {
  await query(
    db
      .prepare("UPDATE agents SET clone = NULL, separate_boot = NULL, revision = revision + 1 WHERE id = ?")
      .bind(agentId)
      .run(),
  );
}

/**
 * Deletes the new agent if its host could not store the token. Returns false if the host has registered: then it stays.
 */
export async function dropSeparated(db: D1Database, id: string): Promise<boolean> {
  const dropped = await query(
    db.prepare("DELETE FROM agents WHERE id = ? AND candidate_hash = token_hash").bind(id).run(),
  );
  return dropped.meta.changes > 0;
}
