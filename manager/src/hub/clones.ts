/**
 * Tells a clone from a takeover. A takeover: a host reconnects or an agent restarts. Its new connection replaces the
 * old one, and the boot id of the old connection never comes back, or it is the same. A clone: two hosts with one
 * identity replace each other in turn, so a boot id that was replaced comes back.
 */
import type { CloneHost, CloneReport } from "../presence/clone.ts";
import type { Connection } from "./connection.ts";

/** A replaced host comes back after 2 to 4 minutes (PROTOCOL.md, close 4409). An outage may delay it further. */
const RETURNS_WITHIN_MS = 15 * 60_000;

/**
 * A host whose connection was replaced by another host with the same identity. `firstAt`: when that first happened
 * (ms).
 */
export interface ReplacedHost {
  readonly host: CloneHost;
  readonly firstAt: number;
}

/** Stores replaced hosts, by agent and boot id. */
export interface ReplacedHosts {
  /** The host with this boot id, if another host with the same identity has replaced it. */
  replacedHost(agentId: string, bootId: string): ReplacedHost | null;
  /** Stores a replaced host, and deletes hosts that were last replaced before `before`. */
  putReplacedHost(agentId: string, host: CloneHost, before: number): ReplacedHost;
}

/**
 * Stores that `newcomer` replaces `other`. Returns a report if the newcomer's host was itself replaced before: a clone.
 */
export function detectClone(
  replaced: ReplacedHosts,
  other: Connection,
  newcomer: Connection,
  now: number,
): CloneReport | null {
  if (other.bootId === newcomer.bootId) return null;
  const earlier = replaced.replacedHost(newcomer.agentId, newcomer.bootId);
  const present = replaced.putReplacedHost(other.agentId, host(other, now), now - RETURNS_WITHIN_MS);
  if (earlier === null || earlier.host.seenAt < now - RETURNS_WITHIN_MS) return null;
  const [first, second] = earlier.firstAt <= present.firstAt ? [earlier, present] : [present, earlier];
  return { at: now, first: first.host, second: second.host };
}

function host(connection: Connection, seenAt: number): CloneHost {
  const { admission, registered } = connection.state;
  const hostname = registered?.host.hostname ?? "";
  return { bootId: admission.bootId, address: admission.address, hostname, seenAt };
}
