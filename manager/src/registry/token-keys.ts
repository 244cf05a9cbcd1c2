/**
 * D1 queries for the keys that signed the agents' tokens: which agents need the previous JWT_SECRET. The key of a token is
 * stored when the agent enrols, and otherwise when the agent first shows the token.
 */
import { query } from "./query.ts";

/** The key of an agent's present token; null if it is not known. */
const KEY = "iif(keyed_hash = token_hash, key_id, NULL)";

/** Removed and revoked agents do not count: their tokens are refused whatever signed them. */
const COUNTS = "deleted_at IS NULL AND revoked_at IS NULL";

export interface KeyCount {
  /** The id of a key; null if the key is not known. */
  readonly keyId: string | null;
  readonly agents: number;
}

/** An agent whose token another key signed, or a key that is not known. */
export interface AgentOfAnotherKey {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  /** As of the last flush. */
  readonly status: "online" | "offline";
  readonly lastSeen: number | null;
  readonly keyId: string | null;
}

/** Stores which key signed a token of the agent: its present one, or the candidate that is about to replace it. */
export async function storeTokenKey(db: D1Database, id: string, hash: string, keyId: string): Promise<void> {
  await query(
    db
      .prepare(
        "UPDATE agents SET key_id = ?3, keyed_hash = ?2 WHERE id = ?1 AND (token_hash = ?2 OR candidate_hash = ?2)",
      )
      .bind(id, hash, keyId)
      .run(),
  );
}

/** How many agents have a token of each key. */
export async function countByKey(db: D1Database): Promise<KeyCount[]> {
  const { results } = await query(
    db
      .prepare(`SELECT ${KEY} AS keyId, count(*) AS agents FROM agents WHERE ${COUNTS} GROUP BY 1 ORDER BY 1`)
      .all<KeyCount>(),
  );
  return results;
}

/** The agents whose token is not known to be of this key, by id. */
export async function listAgentsOfOtherKeys(
  db: D1Database,
  keyId: string,
  { after, limit }: { after: string; limit: number },
): Promise<AgentOfAnotherKey[]> {
  const { results } = await query(
    db
      .prepare(
        `SELECT id, name, hostname, status, last_seen AS lastSeen, ${KEY} AS keyId FROM agents
         WHERE id > ?2 AND ${COUNTS} AND ${KEY} IS NOT ?1 ORDER BY id LIMIT ?3`,
      )
      .bind(keyId, after, limit)
      .all<AgentOfAnotherKey>(),
  );
  return results;
}
