/**
 * Runs when a hub is loaded. After hibernation, each connection is read when it is needed. After a restart the sockets
 * are gone, so the end of every connection is recorded.
 */
import type { Settings } from "../config.ts";
import type { Sockets } from "./connection.ts";
import { sameTerms, termsOf } from "./connection-state.ts";
import type { Roster, RosterStore, StoredConnection } from "./roster.ts";
import type { LastSweep, SweepRecord } from "./sweep-record.ts";

export interface RecoveryParts {
  readonly settings: Settings;
  readonly sockets: Sockets;
  readonly store: RosterStore;
  readonly roster: Roster;
}

export interface Recovered {
  /** The last stored sweep, as the next one must know it. */
  readonly last: LastSweep;
  /** The connections without a socket. Their ends are not recorded yet: see {@link endRestarted}. */
  readonly gone: readonly StoredConnection[];
}

/** @param isOwn whether an agent belongs to this hub; HUB_SHARDS may have changed */
export function recover(parts: RecoveryParts, last: LastSweep, isOwn: (agentId: string) => boolean): Recovered {
  const { settings, store, roster } = parts;
  for (const { state, end } of store.httpLeases()) if (end === null) roster.restoreHttpLease(state);
  roster.connections.hasUntagged = last.known === null || last.known.untagged > 0;
  roster.agentsAtLoad = last.known?.agents ?? 0;
  const isUnchanged = last.known !== null && last.known.untagged === 0 && hasSettings(last.known, settings);
  const gone =
    isUnchanged && hasSockets(parts) ? [] : compareAll(parts, isOwn, last.known?.hubShards ?? settings.hubShards);
  if (last.known === null || hasSettings(last.known, settings)) return { last, gone };
  // Stored now, because the settings may be changed back before the next sweep. Agents welcomed in between must
  // reconnect too.
  const known = { ...last.known, terms: termsOf(settings), hubShards: settings.hubShards };
  store.saveSweep(last.at, known);
  return { last: { at: last.at, known }, gone };
}

/**
 * Records the ends of connections whose sockets were gone when the hub was loaded. Nobody saw them break, so they end at the
 * last time when the hub is known to have been alive: its last sweep. Not every sweep is stored. But while agents beat, each
 * sets the alarm at most one interval ahead, so the alarm tells when it was.
 * @param alarmAt when the alarm rings, or rang, that was set before the hub was loaded; null if there was none
 */
export function endRestarted(
  { settings, roster }: Pick<RecoveryParts, "settings" | "roster">,
  gone: readonly StoredConnection[],
  lastSweptAt: number,
  alarmAt: number | null,
): void {
  const sweptAt = Math.max(lastSweptAt, (alarmAt ?? 0) - settings.heartbeatIntervalMs);
  const aliveAt = Math.min(sweptAt, Date.now());
  for (const connection of gone) roster.endStored(connection, "manager_restart", aliveAt);
}

/** Whether a sweep was made with these settings. */
function hasSettings({ hubShards, terms }: SweepRecord, settings: Settings): boolean {
  return hubShards === settings.hubShards && sameTerms(terms, termsOf(settings));
}

/** Whether the sockets outlived the hub's memory. Either all do or none, so it is enough to look for two. */
function hasSockets({ sockets, store }: RecoveryParts): boolean {
  const ids = store.connectionIds(2);
  return ids.length === 0 || ids.some((id) => sockets.getWebSockets(id).length > 0);
}

/**
 * Reads every connection. Agents that now belong to another hub, or were welcomed with other settings, are told to reconnect,
 * spread evenly over time.
 * @param hubs how many hubs the agents were spread over until now, all of which do the same
 * @returns the connections without a socket
 */
function compareAll(parts: RecoveryParts, isOwn: (agentId: string) => boolean, hubs: number): StoredConnection[] {
  const { settings, sockets, store, roster } = parts;
  const terms = termsOf(settings);
  // An agent over HTTP cannot be told to reconnect. Its next beat goes to its present hub. No client follows the feed
  // of this hub.
  for (const lease of roster.connections.httpLeases) {
    if (!isOwn(lease.agentId)) roster.depart(lease, { reason: "manager_restart" });
  }
  const stored = store.connections().filter(({ state }) => state.admission.connectionId !== null);
  roster.agentsAtLoad = stored.length + roster.connections.httpLeases.size;
  const outdated = roster.connections
    .all()
    .filter(
      (connection) =>
        !connection.overHttp &&
        (!isOwn(connection.agentId) || (connection.state.terms !== null && !sameTerms(connection.terms, terms))),
    );
  const gone = stored.filter(
    ({ state: { id } }) => roster.connections.get(id) === undefined && sockets.getWebSockets(id).length === 0,
  );
  roster.reconnectEvenly(outdated, 0, hubs);
  return gone;
}

/**
 * Ends the connections whose sockets vanished without an event.
 * @param comparedAt when their sockets were still there
 */
export function endVanished({ sockets, store, roster }: Omit<RecoveryParts, "settings">, comparedAt: number): void {
  for (const id of store.connectionIds()) {
    const stored = sockets.getWebSockets(id).length === 0 ? store.connection(id) : null;
    if (stored !== null) roster.endStored(stored, "lost", comparedAt);
  }
}
