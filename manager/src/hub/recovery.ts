/**
 * Runs when a hub is loaded. After hibernation, each connection is read when it is needed. After a restart the sockets
 * are gone, so the end of every connection is recorded.
 */
import type { Settings } from "../config.ts";
import type { Sockets } from "./connection.ts";
import { sameTerms, termsOf } from "./connection-state.ts";
import type { Roster, RosterStore } from "./roster.ts";
import type { LastSweep, SweepRecord } from "./sweep-record.ts";

export interface RecoveryParts {
  readonly settings: Settings;
  readonly sockets: Sockets;
  readonly store: RosterStore;
  readonly roster: Roster;
}

/**
 * @param isOwn whether an agent belongs to this hub; HUB_SHARDS may have changed
 * @returns the last sweep, as the next one must know it
 */
export function recover(parts: RecoveryParts, last: LastSweep, isOwn: (agentId: string) => boolean): LastSweep {
  const { settings, store, roster } = parts;
  for (const { state, end } of store.httpLeases()) if (end === null) roster.restoreHttpLease(state);
  roster.connections.hasUntagged = last.known === null || last.known.untagged > 0;
  roster.agentsAtLoad = last.known?.agents ?? 0;
  const isUnchanged = last.known !== null && last.known.untagged === 0 && hasSettings(last.known, settings);
  if (!isUnchanged || !hasSockets(parts)) compareAll(parts, last.at, isOwn);
  if (last.known === null || hasSettings(last.known, settings)) return last;
  // Stored now, because the settings may be changed back before the next sweep. Agents welcomed in between must
  // reconnect too.
  const known = { ...last.known, terms: termsOf(settings), hubShards: settings.hubShards };
  store.saveSweep(last.at, known);
  return { at: last.at, known };
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
 * Reads every connection, and records the end of each connection without a socket. Agents that now belong to another
 * hub, or were welcomed with other settings, are told to reconnect, spread evenly over time.
 */
function compareAll(parts: RecoveryParts, sweptAt: number, isOwn: (agentId: string) => boolean): void {
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
  for (const connection of stored) {
    const { id } = connection.state;
    if (roster.connections.get(id) === undefined && sockets.getWebSockets(id).length === 0) {
      roster.endStored(connection, "manager_restart", sweptAt);
    }
  }
  roster.reconnectEvenly(outdated, 0);
}

/** Ends the connections whose sockets vanished without an event. */
export function endVanished({ sockets, store, roster }: Omit<RecoveryParts, "settings">, sweptAt: number): void {
  for (const id of store.connectionIds()) {
    const stored = sockets.getWebSockets(id).length === 0 ? store.connection(id) : null;
    if (stored !== null) roster.endStored(stored, "lost", sweptAt);
  }
}
