/**
 * The presence of an agent as a state machine, pure. Hub, sweep, outbox and registry all decide by it.
 *
 * An agent's connections come in generations. Each begins online and ends offline, for a reason and for good; the
 * newest one is the agent's presence, and whatever happens late to an older one changes nothing. While a connection
 * lasts, a lease holds it, which every sign of life renews. All times are Unix milliseconds.
 */
import { z } from "zod";
import { Host } from "./host.ts";

/** Why an agent is offline. */
export const OFFLINE_REASONS = [
  "stopped", // it said so
  "lost", // its connection broke
  "lease_expired", // it fell silent
  "replaced", // by a newer connection of the same agent
  "revoked", // an operator shut it out
  "manager_restart", // the hub was rebuilt and the connection had not survived, or it was drained
  "policy", // the manager closed it for abuse
  "never_connected",
] as const;
export type OfflineReason = (typeof OFFLINE_REASONS)[number];

/** The presence of one agent at one generation. */
export interface Presence {
  readonly agentId: string;
  readonly generation: number;
  readonly status: "online" | "offline";
  /** Null while online, but or `late` when a beat is missed, which is computed for readers and never stored. */
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
  /** Of the WebSocket close that ended the connection, whichever end sent it; null where none did. */
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

/** What a live connection adds to presence; gone with the connection. */
export interface LiveStatus extends Presence {
  readonly rttMs: number | null;
  readonly skewMs: number | null;
  /** Replies from the agent that no request waited for. */
  readonly droppedReplies: number;
  /** Fan-out frames that this subscriber's credit window had no room for. */
  readonly droppedFrames: number;
}

/** What a lease is held by: a beat every interval, or any other sign of life. */
export interface LeaseTerms {
  readonly heartbeatIntervalMs: number;
  readonly leaseMs: number;
}

/** When a lease ends whose last sign of life was at `lastSeen`. */
export function leaseEnd(lastSeen: number, { leaseMs }: LeaseTerms): number {
  return lastSeen + leaseMs;
}

/**
 * The state of a lease. A beat counts as missed when half of the time between its due time and the lease's end is over.
 */
export function vitality(lastSeen: number, terms: LeaseTerms, now: number): "online" | "late" | "expired" {
  if (now >= leaseEnd(lastSeen, terms)) return "expired";
  return now >= lastSeen + (terms.heartbeatIntervalMs + terms.leaseMs) / 2 ? "late" : "online";
}

/** Why an agent whose socket closed with this code is offline; 1000 is the agent's own farewell. */
export function reasonOfClose(code: number): OfflineReason {
  return code === 1000 ? "stopped" : "lost";
}

/** The presence that ends `online` at `since`. */
export function ended<P extends Presence>(online: P, reason: OfflineReason, lastSeen: number, since: number) {
  return { ...online, status: "offline" as const, reason, since, lastSeen };
}

/**
 * The presence to show of a connection that nothing has ended yet. Its lease may have run out before a sweep saw it.
 */
export function observed(online: LiveStatus, lastSeen: number, terms: LeaseTerms, now: number): LiveStatus {
  switch (vitality(lastSeen, terms, now)) {
    case "online":
      return { ...online, lastSeen };
    case "late":
      return { ...online, lastSeen, reason: "late" };
    case "expired":
      return ended(online, "lease_expired", lastSeen, leaseEnd(lastSeen, terms));
  }
}

type Standing = Pick<Presence, "generation" | "status">;

/**
 * Whether `next` takes the place of `present`: a newer generation does, and the end of the same one. The registry's SQL
 * says the same.
 */
export function supersedes(next: Standing, present: Standing): boolean {
  return (
    next.generation > present.generation || (next.generation === present.generation && present.status === "online")
  );
}

/** The newest of what is known of each agent. */
export function newest<P extends Presence>(known: Iterable<P>): Map<string, P> {
  const byAgent = new Map<string, P>();
  for (const presence of known) {
    const other = byAgent.get(presence.agentId);
    if (other === undefined || supersedes(presence, other)) byAgent.set(presence.agentId, presence);
  }
  return byAgent;
}

/**
 * Whether the registry says that an agent is online which no hub holds. The two were read at different times: read
 * again.
 */
export function isUnconfirmed(record: StoredPresence, live: LiveStatus | undefined): boolean {
  return record.status === "online" && (live === undefined || live.generation < record.generation);
}

/**
 * The presence to show: the hub's if it is as new as the registry's. No agent is online without a hub that holds it.
 */
export function currentPresence(
  record: StoredPresence,
  live: LiveStatus | undefined,
): Omit<LiveStatus, "agentId" | "droppedReplies" | "droppedFrames"> {
  if (live !== undefined && live.generation >= record.generation) return live;
  const { generation, reason, since, lastSeen, connectedAt, address, version, os, arch, hostname } = record;
  const host = { version, os, arch, hostname };
  const stored = { generation, lastSeen, connectedAt, address, rttMs: null, skewMs: null, host };
  return record.status === "online"
    ? { ...stored, status: "offline", reason: "lost", since: lastSeen ?? since }
    : { ...stored, status: "offline", reason, since };
}
