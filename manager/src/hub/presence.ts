/** Presence, as pure functions and values: what a hub believes, an outbox carries, the registry stores and the API shows. */
import type { AgentRecord, Host } from "../registry/agents.ts";

/** Why an agent is offline. */
export type OfflineReason =
  | "stopped" // it said so
  | "lost" // its connection broke
  | "lease_expired" // it fell silent
  | "replaced" // by a newer connection, which ended since
  | "revoked" // an operator shut it out
  | "manager_restart" // the hub was rebuilt and the connection had not survived
  | "policy" // the manager closed it for abuse
  | "never_connected";

/** The presence of one agent at one generation. Times are Unix milliseconds. */
export interface Presence {
  readonly agentId: string;
  readonly generation: number;
  readonly status: "online" | "offline";
  /** Null while online. */
  readonly reason: OfflineReason | null;
  /** When the status began. */
  readonly since: number;
  readonly lastSeen: number | null;
  readonly connectedAt: number | null;
  readonly address: string | null;
  readonly host: Host;
}

/** A change of presence on its way from a hub to the registry. */
export type Transition = Presence;

/** What a live connection adds to presence; gone with the connection. */
export interface LiveStatus extends Presence {
  readonly rttMs: number | null;
  readonly skewMs: number | null;
  /** Replies from the agent that no request waited for. */
  readonly droppedReplies: number;
  /** Fan-out frames that this subscriber's credit window had no room for. */
  readonly droppedFrames: number;
}

/** When a lease ends whose last sign of life was at `lastSeen`. */
export function leaseEnd(lastSeen: number, leaseMs: number): number {
  return lastSeen + leaseMs;
}

/** Why an agent whose socket closed with this code is offline; 1000 is the agent's own farewell. */
export function reasonOfClose(code: number): OfflineReason {
  return code === 1000 ? "stopped" : "lost";
}

/** An online presence that ended. */
export function ended(online: Presence, reason: OfflineReason, lastSeen: number, now: number): Transition {
  return { ...online, status: "offline", reason, since: now, lastSeen };
}

/** Whether the registry says online of an agent that no hub holds: it was read before, or written after, the truth. */
export function isUnconfirmed(record: AgentRecord, live: LiveStatus | undefined): boolean {
  return record.status === "online" && (live === undefined || live.generation < record.generation);
}

/** The presence to show: the hub's where it is as new as the registry's. Without a hub behind it nothing is online. */
export function currentPresence(
  record: AgentRecord,
  live: LiveStatus | undefined,
): Pick<
  LiveStatus,
  "status" | "reason" | "since" | "lastSeen" | "connectedAt" | "address" | "rttMs" | "skewMs" | "host"
> {
  if (live !== undefined && live.generation >= record.generation) return live;
  const { reason, since, lastSeen, connectedAt, address, version, os, arch, hostname } = record;
  const shared = { lastSeen, connectedAt, address, rttMs: null, skewMs: null, host: { version, os, arch, hostname } };
  return record.status === "online"
    ? { ...shared, status: "offline", reason: "lost", since: lastSeen ?? since }
    : { ...shared, status: "offline", reason, since };
}
