/**
 * Tells a clone from a takeover. A host that reconnects, or an agent that was restarted, replaces a connection that is never
 * heard of again. Two hosts with one identity replace each other in turn: a boot id that was displaced comes back.
 */
import type { Connection } from "./connection.ts";
import type { HubStore } from "./store.ts";

/** A displaced clone comes back within 2 to 4 minutes (PROTOCOL.md, close 4409), and some outage on top of that. */
const RETURNS_WITHIN_MS = 15 * 60_000;

/** One of two hosts that share an identity. */
export interface CloneHost {
  readonly bootId: string;
  readonly address: string | null;
  readonly hostname: string;
  /** When its connection began, or was last displaced; Unix milliseconds. */
  readonly seenAt: number;
}

/** Two hosts seen alive with one identity. `first` is the one that was displaced first: it was there before the other. */
export interface CloneReport {
  readonly at: number;
  readonly first: CloneHost;
  readonly second: CloneHost;
}

/** Notes that `newcomer` displaces `other`, and reports a clone if the newcomer had been displaced itself. */
export function displace(store: HubStore, other: Connection, newcomer: Connection, now: number): CloneReport | null {
  if (other.bootId === newcomer.bootId) return null;
  const earlier = store.displaced(newcomer.agentId, newcomer.bootId);
  const present = store.putDisplaced(other.agentId, host(other, now), now - RETURNS_WITHIN_MS);
  if (earlier === null || earlier.host.seenAt < now - RETURNS_WITHIN_MS) return null;
  const [first, second] = earlier.firstAt <= present.firstAt ? [earlier, present] : [present, earlier];
  return { at: now, first: first.host, second: second.host };
}

function host(connection: Connection, seenAt: number): CloneHost {
  const { admission, registered } = connection.state;
  const hostname = registered?.host.hostname ?? "";
  return { bootId: admission.bootId, address: admission.address, hostname, seenAt };
}
