/**
 * The presence of an agent as a state machine. All functions are pure. The hub, its sweep, its outbox and the registry
 * follow these rules.
 *
 * Each connection of an agent has a generation. A connection begins online and ends offline, with a reason. An ended
 * connection never begins again. The newest connection is the agent's presence. Late events of older connections change
 * nothing. A connection has a lease, and every sign of life renews it. All times are Unix milliseconds.
 */
import { z } from "zod";
import { Host } from "./host.ts";

/** Why an agent is offline. */
export const OFFLINE_REASONS = [
  "stopped", // the agent said goodbye
  "lost", // its connection broke
  "lease_expired", // the agent fell silent
  "replaced", // a newer connection of the same agent replaced it
  "revoked", // an operator shut it out
  "manager_restart", // the hub was restarted and the connection did not survive, or the hub was drained
  "policy", // the manager closed it because it sent too many messages or unreadable ones
  "never_connected",
] as const;
export type OfflineReason = (typeof OFFLINE_REASONS)[number];

/** The presence of one agent at one generation. */
export interface Presence {
  readonly agentId: string;
  readonly generation: number;
  readonly status: "online" | "offline";
  /** Null while online, or `late` after a missed beat. `late` is computed when presence is read, never stored. */
  readonly reason: OfflineReason | "late" | null;
  /** When the status began. */
  readonly since: number;
  readonly lastSeen: number | null;
  readonly connectedAt: number | null;
  readonly address: string | null;
  readonly host: Host;
}

/** The presence of an agent as the registry stores it. */
export interface StoredPresence extends Host {
  readonly generation: number;
  readonly status: "online" | "offline";
  readonly reason: OfflineReason | null;
  readonly since: number;
  readonly lastSeen: number | null;
  readonly connectedAt: number | null;
  readonly address: string | null;
}

/** A change of presence on its way from a hub to the registry. */
export interface Transition extends Presence {
  readonly reason: OfflineReason | null;
  /** Code of the WebSocket close that ended the connection, whichever end sent it; null if there was none. */
  readonly closeCode: number | null;
}

/** A transition as a hub stores it. */
export const Transition: z.ZodType<Transition> = z.object({
  agentId: z.string(),
  generation: z.number(),
  status: z.enum(["online", "offline"]),
  reason: z.enum(OFFLINE_REASONS).nullable(),
  since: z.number(),
  lastSeen: z.number().nullable(),
  connectedAt: z.number().nullable(),
  address: z.string().nullable(),
  host: Host,
  closeCode: z.number().nullable(),
});

/** The presence of a live connection, with values that exist only while it lasts. */
export interface LiveStatus extends Presence {
  readonly rttMs: number | null;
  readonly skewMs: number | null;
  /** Replies from the agent that no request waited for. */
  readonly droppedReplies: number;
  /** Fan-out frames that did not fit into this subscriber's credit window. */
  readonly droppedFrames: number;
}

/** A presence as the API shows it. */
export type ShownPresence = Omit<LiveStatus, "agentId" | "droppedReplies" | "droppedFrames">;

/** The terms of a lease. An agent keeps its lease with a beat every interval, or with any other sign of life. */
export interface LeaseTerms {
  readonly heartbeatIntervalMs: number;
  readonly leaseMs: number;
}

/** When a lease ends if the last sign of life was at `lastSeen`. */
export function leaseEnd(lastSeen: number, { leaseMs }: LeaseTerms): number {
  return lastSeen + leaseMs;
}

/** When an agent is late: half of the time from the due beat to the end of the lease is over. */
export function lateAt(lastSeen: number, { heartbeatIntervalMs, leaseMs }: LeaseTerms): number {
  return lastSeen + (heartbeatIntervalMs + leaseMs) / 2;
}

/** The state of a lease at `now`. */
export function leaseState(lastSeen: number, terms: LeaseTerms, now: number): "online" | "late" | "expired" {
  if (now >= leaseEnd(lastSeen, terms)) return "expired";
  return now >= lateAt(lastSeen, terms) ? "late" : "online";
}

/** The reason for being offline after a close with this code. 1000 means that the agent said goodbye. */
export function reasonOfClose(code: number): OfflineReason {
  return code === 1000 ? "stopped" : "lost";
}

/** The offline presence that follows `online`, from `since` on. */
export function ended<P extends Presence>(online: P, reason: OfflineReason, lastSeen: number, since: number) {
  return { ...online, status: "offline" as const, reason, since, lastSeen };
}

/**
 * The presence to show for a connection that has not been ended. Its lease may be over although no sweep has ended it
 * yet.
 */
export function observed(online: LiveStatus, lastSeen: number, terms: LeaseTerms, now: number): LiveStatus {
  switch (leaseState(lastSeen, terms, now)) {
    case "online":
      return { ...online, lastSeen };
    case "late":
      return { ...online, lastSeen, reason: "late" };
    case "expired":
      return ended(online, "lease_expired", lastSeen, leaseEnd(lastSeen, terms));
  }
}

type GenerationStatus = Pick<Presence, "generation" | "status">;

/**
 * Whether `next` replaces `present`. It does if its generation is newer, or if it is the end of the same generation.
 * The SQL in registry/transitions.ts has the same rule.
 */
export function supersedes(next: GenerationStatus, present: GenerationStatus): boolean {
  return (
    next.generation > present.generation || (next.generation === present.generation && present.status === "online")
  );
}

/** The newest presence of each agent. */
export function newest<P extends Presence>(known: Iterable<P>): Map<string, P> {
  const byAgent = new Map<string, P>();
  for (const presence of known) {
    const other = byAgent.get(presence.agentId);
    if (other === undefined || supersedes(presence, other)) byAgent.set(presence.agentId, presence);
  }
  return byAgent;
}

/**
 * Whether the registry says online but no hub has the agent. The registry was read before the hubs, so it may have
 * changed since: the caller reads it again.
 */
export function isUnconfirmed(record: StoredPresence, live: LiveStatus | undefined): boolean {
  return record.status === "online" && (live === undefined || live.generation < record.generation);
}

/**
 * The presence to show. If the hub's presence is at least as new as the registry's, it is the hub's. If the registry
 * says online but no hub has the agent, the agent is shown as offline.
 */
export function currentPresence(record: StoredPresence, live: LiveStatus | undefined): ShownPresence {
  if (live !== undefined && live.generation >= record.generation) return live;
  const stored = recordedPresence(record);
  return record.status === "online"
    ? { ...stored, status: "offline", reason: "lost", since: record.lastSeen ?? record.since }
    : stored;
}

/** The presence as the registry has it. Whether a hub still has the agent is not known. */
export function recordedPresence(record: StoredPresence): ShownPresence {
  const { generation, status, reason, since, lastSeen, connectedAt, address, version, os, arch, hostname } = record;
  const host = { version, os, arch, hostname };
  return { generation, status, reason, since, lastSeen, connectedAt, address, rttMs: null, skewMs: null, host };
}
