/**
 * Tells a clone from a takeover. A host that reconnects, or an agent that was restarted, replaces a connection that is
 * never heard of again. Two hosts with one identity replace each other in turn: a boot id that was replaced comes back.
 */
import type { CloneHost, CloneReport } from "../presence/clone.ts";
import type { Connection } from "./connection.ts";

/** A replaced clone comes back within 2 to 4 minutes (PROTOCOL.md, close 4409), and some outage on top of that. */
const RETURNS_WITHIN_MS = 15 * 60_000;

/**
 * A host whose connection another host of the same identity has replaced, and when that happened first (Unix
 * milliseconds).
 */
export interface ReplacedHost {
  readonly host: CloneHost;
  readonly firstAt: number;
}

/** Where replaced hosts are remembered, by agent and boot id. */
export interface ReplacedHosts {
  /** The host of this boot, if another of the same identity has replaced it. */
  replacedHost(agentId: string, bootId: string): ReplacedHost | null;
  /** Remembers a replaced host, and forgets all that were last replaced before `before`. */
  putReplacedHost(agentId: string, host: CloneHost, before: number): ReplacedHost;
}

/** Notes that `newcomer` replaces `other`, and reports a clone if the newcomer had been replaced itself. */
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
