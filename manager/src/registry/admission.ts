/** D1 queries that decide whether a token is accepted and for which agent, and the query that enrols an agent. */
import { agentId, sameSecret } from "../digest.ts";
import type { Host, NamedHost } from "../presence/host.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { MAX_LABELS, splitLabel } from "../protocol/label.ts";
import type { Bearer } from "../tokens.ts";
import { isWithinLimit, labelPatch, parseLabels } from "./labels.ts";
import { query, RegistryUnavailable } from "./query.ts";
import { storeTokenKey } from "./token-keys.ts";

/**
 * An agent's request after its token was verified. Only the Worker makes it. It has no unchecked value of the client.
 */
export interface Admission {
  /** Id of the WebSocket connection that is being opened; null over HTTP. */
  readonly connectionId: string | null;
  readonly agentId: string;
  /** The agent as in the registry; null if it does not exist yet. */
  readonly known: NamedHost | null;
  /**
   * The agent's labels, for its `status` command; missing if the agent does not exist yet. A socket's stored admission
   * has none, because it has little room.
   */
  readonly labels?: readonly string[] | undefined;
  /** Whether this is the second host of a clone and an operator has ordered its separation. */
  readonly separate: boolean;
  /** Hash of the agent's token if the token is the candidate of a rotation; else null. */
  readonly candidateHash: string | null;
  /** The enrolment to use; null if the agent sent its own token. */
  readonly enrolment: EnrolmentUse | null;
  /**
   * Larger than the generation of any earlier connection of this agent. Presence changes only to a newer generation.
   */
  readonly generation: number;
  readonly bootId: string;
  readonly address: string | null;
}

export interface EnrolmentUse {
  readonly id: string;
  readonly installId: string;
  /** The operator's name for the host; null if the enrolment is for several hosts, or if it has no name. */
  readonly hostName: string | null;
  /** How many hosts may enrol with it. */
  readonly maxUses: number;
}

/** An agent's name and labels after its enrolment. */
export interface Enrolled {
  readonly name: string;
  readonly labels: readonly string[];
}

/** What an agent says of itself when it enrols. */
export interface Introduction extends NamedHost {
  /** Its own labels. Those of the enrolment token are added, and win. */
  readonly labels: readonly string[];
}

/** The host's data in an upgrade or in a request of the HTTP fallback. */
export interface Caller {
  readonly installId: string;
  readonly bootId: string;
  readonly address: string | null;
}

interface AgentRow extends Host {
  readonly name: string;
  readonly tokenHash: string;
  readonly candidateHash: string | null;
  readonly keyId: string | null;
  readonly keyedHash: string | null;
  readonly separateBoot: string | null;
  readonly generation: number;
  readonly enrolledGeneration: number;
  readonly revokedAt: number | null;
  readonly deletedAt: number | null;
  readonly labels: string | null;
}

const AGENT_ROW = `SELECT name, labels, token_hash AS tokenHash, candidate_hash AS candidateHash,
    key_id AS keyId, keyed_hash AS keyedHash,
    separate_boot AS separateBoot, generation, enrolled_generation AS enrolledGeneration, revoked_at AS revokedAt,
    deleted_at AS deletedAt, version, os, arch, hostname
  FROM agents WHERE id = ?`;

/** @throws RegistryUnavailable */
export async function admit(db: D1Database, bearer: Bearer, caller: Caller): Promise<Outcome<Admission>> {
  return bearer.kind === "agent" ? admitAgent(db, bearer, caller) : admitEnrolment(db, bearer.enrolmentId, caller);
}

async function admitAgent(
  db: D1Database,
  bearer: Extract<Bearer, { kind: "agent" }>,
  caller: Caller,
): Promise<Outcome<Admission>> {
  const row = await query(db.prepare(AGENT_ROW).bind(bearer.agentId).first<AgentRow>());
  if (row === null) return failure("invalid_token", "this manager does not know the agent");
  const barred = refuseAgent(row);
  if (barred !== null) return barred;
  const hash = bearer.tokenHash;
  const isCandidate = row.candidateHash !== null && sameSecret(hash, row.candidateHash);
  if (!isCandidate && !sameSecret(hash, row.tokenHash)) {
    return failure("invalid_token", "the token has been replaced by a newer one");
  }
  if (row.keyedHash !== hash || row.keyId !== bearer.keyId) await learnKey(db, bearer, hash);
  const base = admission(caller, bearer.agentId, row, null);
  return { ok: true, value: isCandidate ? { ...base, candidateHash: hash } : base };
}

/** Once for each token. Without this the agent can still connect, so a failure is no refusal. */
async function learnKey(db: D1Database, { agentId, keyId }: Extract<Bearer, { kind: "agent" }>, hash: string) {
  try {
    await storeTokenKey(db, agentId, hash, keyId);
  } catch (error) {
    if (!(error instanceof RegistryUnavailable)) throw error;
  }
}

async function admitEnrolment(db: D1Database, enrolmentId: string, caller: Caller): Promise<Outcome<Admission>> {
  const id = await agentId(enrolmentId, caller.installId);
  const { agent, enrolment } = await readEnrolment(db, enrolmentId, id);
  const barred = refuseEnrolment(agent, enrolment);
  if (barred !== null) return barred;
  const maxUses = enrolment?.maxUses ?? 1;
  const hostName = maxUses === 1 ? (enrolment?.name ?? null) : null;
  const use = { id: enrolmentId, installId: caller.installId, hostName, maxUses };
  return { ok: true, value: admission(caller, id, agent, use) };
}

function admission(caller: Caller, id: string, agent: AgentRow | null, enrolment: EnrolmentUse | null): Admission {
  const { bootId, address } = caller;
  const before = Math.max(agent?.generation ?? 0, agent?.enrolledGeneration ?? 0);
  const generation = Math.max(Date.now(), before + 1);
  const known = agent && knownAgent(agent);
  const separate = agent !== null && agent.separateBoot === bootId;
  return {
    connectionId: null,
    agentId: id,
    known,
    ...(agent === null ? {} : { labels: parseLabels(agent.labels, "agents.labels") }),
    separate,
    candidateHash: null,
    enrolment,
    generation,
    bootId,
    address,
  };
}

function knownAgent({ name, version, os, arch, hostname }: AgentRow): Admission["known"] {
  return { name, host: { version, os, arch, hostname } };
}

/**
 * Uses the enrolment and stores the agent.
 *
 * It is one statement: if two hosts race for the last use, only one gets it. A repeated enrolment with the same install
 * id does not count as another use. It replaces the token, unless two hosts with this install id were separated. A late
 * statement may take effect after its connection was given up. So it never replaces the token of a connection that was
 * admitted later or at the same time. The labels are merged in the statement too: an admission is kept with its socket,
 * which has little room.
 * @returns the agent as the registry has it now, or the refusal
 * @throws RegistryUnavailable
 */
export async function enrol(
  db: D1Database,
  admission: Admission,
  enrolment: EnrolmentUse,
  { name, host, labels }: Introduction,
  token: { readonly hash: string; readonly keyId: string },
  now: number,
): Promise<Outcome<Enrolled>> {
  const stored = await query(
    db
      .prepare(
        `INSERT INTO agents (id, enrolment_id, install_id, name, token_hash, created_at, generation, status, reason,
           since, address, version, os, arch, hostname, enrolled_generation, labels,
           key_id, keyed_hash)
         SELECT ?1, e.id, ?3, ?4, ?5, ?6, 0, 'offline', 'never_connected', ?6, ?7, ?8, ?9, ?10, ?11, ?12,
           nullif(${FIRST_LABELS}, '{}'), ?14, ?5
         FROM enrolments e
         WHERE e.id = ?2 AND e.revoked_at IS NULL AND e.expires_at > ?6
           AND e.uses - EXISTS (SELECT 1 FROM agents a WHERE a.id = ?1 AND a.separated_from IS NULL) < e.max_uses
           AND ${isWithinLimit(FIRST_LABELS)}
         ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, candidate_hash = NULL,
             key_id = excluded.key_id, keyed_hash = excluded.keyed_hash, enrolled_generation = excluded.enrolled_generation
           WHERE agents.enrolled_generation < excluded.enrolled_generation
             AND agents.revoked_at IS NULL AND agents.deleted_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM agents s WHERE s.separated_from = agents.id)
         RETURNING name, labels`,
      )
      .bind(
        admission.agentId,
        enrolment.id,
        enrolment.installId,
        name,
        token.hash,
        now,
        admission.address,
        host.version,
        host.os,
        host.arch,
        host.hostname,
        admission.generation,
        labels.length === 0 ? "{}" : labelPatch(labels, []),
        token.keyId,
      )
      .first<{ name: string; labels: string | null }>(),
  );
  if (stored !== null) {
    return { ok: true, value: { name: stored.name, labels: parseLabels(stored.labels, "agents.labels") } };
  }
  const found = await readEnrolment(db, enrolment.id, admission.agentId);
  const refused = refuseEnrolment(found.agent, found.enrolment);
  if (refused !== null) return refused;
  if (found.agent !== null && found.agent.enrolledGeneration >= admission.generation) {
    return failure("disconnected", "a newer connection of this agent has enrolled");
  }
  const given = parseLabels(found.enrolment?.labels ?? null, "enrolments.labels");
  const keys = new Set([...labels, ...given].map((label) => splitLabel(label).key));
  return keys.size > MAX_LABELS ? failure("invalid_data", TOO_MANY_LABELS) : failure("enrolment_used", USED);
}

/** The labels of an agent that enrols, in SQL: its own (`?13`), and those of the enrolment `e`. */
const FIRST_LABELS = "json_patch(?13, coalesce(e.labels, '{}'))";

interface EnrolmentRow {
  readonly name: string | null;
  readonly maxUses: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  readonly uses: number;
  readonly labels: string | null;
  /**
   * 1 if a clone of the agent was separated. Then two hosts have this install id, and it does not identify one of them.
   */
  readonly cloned: 0 | 1;
}

const ENROLMENT_ROW = `SELECT name, max_uses AS maxUses, expires_at AS expiresAt, revoked_at AS revokedAt, uses, labels,
    EXISTS (SELECT 1 FROM agents WHERE separated_from = ?2) AS cloned
  FROM enrolments WHERE id = ?1`;

async function readEnrolment(db: D1Database, enrolmentId: string, id: string) {
  const [agent, enrolment] = await query(
    Promise.all([
      db.prepare(AGENT_ROW).bind(id).first<AgentRow>(),
      db.prepare(ENROLMENT_ROW).bind(enrolmentId, id).first<EnrolmentRow>(),
    ]),
  );
  return { agent, enrolment };
}

const USED = "the enrolment token has been used by as many hosts as it allows";

const TOO_MANY_LABELS = `labels: with those of the enrolment token there are more than ${MAX_LABELS}`;

const CLONED = "two hosts had this install id and were separated; enrol this host with another token";

function refuseEnrolment(agent: AgentRow | null, enrolment: EnrolmentRow | null) {
  if (enrolment === null) return failure("invalid_token", "this manager does not know the enrolment");
  if (enrolment.revokedAt !== null) return failure("enrolment_revoked", "the enrolment token has been revoked");
  if (enrolment.expiresAt <= Date.now()) return failure("token_expired", "the token has expired");
  if (agent !== null) return refuseAgent(agent) ?? (enrolment.cloned === 1 ? failure("enrolment_used", CLONED) : null);
  return enrolment.uses >= enrolment.maxUses ? failure("enrolment_used", USED) : null;
}

function refuseAgent(agent: AgentRow) {
  if (agent.deletedAt !== null) return failure("agent_removed", "the agent has been removed from this manager");
  if (agent.revokedAt !== null) return failure("agent_revoked", "the agent has been revoked");
  return null;
}
