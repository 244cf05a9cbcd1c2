/** An agent as the API and the live feed show it. */
import type { CloneHost } from "../presence/clone.ts";
import {
  currentPresence,
  type LiveStatus,
  type Presence,
  recordedPresence,
  type ShownPresence,
} from "../presence/presence.ts";
import { flappingUntil } from "../presence/timeline.ts";
import type { AgentRecord } from "./agents.ts";

/** docs/API.md "Agents". Times are Unix milliseconds. */
export interface AgentJson {
  readonly id: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly generation: number;
  readonly revision: number;
  readonly status: "online" | "offline";
  readonly reason: Presence["reason"];
  readonly since: number;
  readonly lastSeen: number | null;
  readonly connectedAt: number | null;
  readonly createdAt: number;
  readonly revokedAt: number | null;
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
  readonly address: string | null;
  readonly rttMs: number | null;
  readonly skewMs: number | null;
  readonly flapping: boolean;
  readonly flappingUntil: number | null;
  readonly clone: { readonly at: number; readonly first: ShownHost; readonly second: ShownHost } | null;
}

/** One of two hosts that share an identity. The API does not show its boot id. */
type ShownHost = Omit<CloneHost, "bootId">;

/**
 * An agent with its present status on top of its record.
 * @param live the status from the agent's hub; undefined if no hub has the agent
 */
export function agentJson(record: AgentRecord, live: LiveStatus | undefined): AgentJson {
  return shown(record, currentPresence(record, live));
}

/** An agent as its record has it, without asking its hub. */
export function recordedAgentJson(record: AgentRecord): AgentJson {
  return shown(record, recordedPresence(record));
}

function shown(record: AgentRecord, presence: ShownPresence): AgentJson {
  const { id, name, labels, createdAt, revision, revokedAt, burstAt } = record;
  const { host, generation, status, since, lastSeen, connectedAt, address, rttMs, skewMs } = presence;
  // The hub ends a revoked agent's connection with another reason if it does not know of the revocation yet.
  const reason = status === "offline" && revokedAt !== null ? "revoked" : presence.reason;
  const now = Date.now();
  const until = flappingUntil(burstAt, now);
  const seen = { status, reason, since, lastSeen, connectedAt, createdAt, revokedAt };
  const flaps = { flapping: until !== null, flappingUntil: until };
  return {
    id,
    name,
    labels,
    generation,
    revision,
    ...seen,
    ...host,
    address,
    rttMs,
    skewMs,
    ...flaps,
    clone: cloneOf(record, now),
  };
}

/** How long a detected clone is shown. While two hosts share an identity, they are detected again every few minutes. */
const CLONE_SHOWN_MS = 24 * 3_600_000;

function cloneOf({ clone }: AgentRecord, now: number): AgentJson["clone"] {
  if (clone === null) return null;
  const { at, first, second } = clone;
  const shown = ({ address, hostname, seenAt }: CloneHost) => ({ address, hostname, seenAt });
  return at < now - CLONE_SHOWN_MS ? null : { at, first: shown(first), second: shown(second) };
}
