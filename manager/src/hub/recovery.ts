/**
 * What a hub does when it is loaded. After hibernation its connections are read when they are needed. After a restart the
 * sockets are gone, and the end of every connection is recorded.
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
 * @returns what the next sweep has to know of the last one
 */
export function recover(parts: RecoveryParts, last: LastSweep, isOwn: (agentId: string) => boolean): LastSweep {
  const { settings, store, roster } = parts;
  for (const { state, end } of store.httpLeases()) if (end === null) roster.restoreHttpLease(state);
  roster.hasUntagged = last.known === null || last.known.untagged > 0;
  roster.agentsAtLoad = last.known?.agents ?? 0;
  const isUnchanged = last.known !== null && last.known.untagged === 0 && hasSettings(last.known, settings);
  if (!isUnchanged || !hasSockets(parts)) compareAll(parts, last.at, isOwn);
  if (last.known === null || hasSettings(last.known, settings)) return last;
  // Stored now: if the settings are changed back before the next sweep, the agents of the time between must reconnect too.
  const known = { ...last.known, terms: termsOf(settings), hubShards: settings.hubShards };
  store.saveSweep(last.at, known);
  return { at: last.at, known };
}

/** Whether a sweep was made with these settings. */
function hasSettings({ hubShards, terms }: SweepRecord, settings: Settings): boolean {
  return hubShards === settings.hubShards && sameTerms(terms, termsOf(settings));
}

/** Whether the sockets outlived the hub's memory. They do so all or none, so two are looked for. */
function hasSockets({ sockets, store }: RecoveryParts): boolean {
  const ids = store.connectionIds(2);
  return ids.length === 0 || ids.some((id) => sockets.getWebSockets(id).length > 0);
}

/**
 * Reads every connection, and records the end of those whose socket is gone. Some agents must reconnect: those that now
 * belong to another hub, and those that were welcomed with other settings. They are told to come back evenly.
 */
function compareAll(parts: RecoveryParts, sweptAt: number, isOwn: (agentId: string) => boolean): void {
  const { settings, sockets, store, roster } = parts;
  const terms = termsOf(settings);
  // An agent over HTTP cannot be told. Its next beat goes to its present hub, and what happens here is in no feed any more.
  for (const lease of roster.httpLeases) {
    if (!isOwn(lease.agentId)) roster.depart(lease, { reason: "manager_restart" });
  }
  const stored = store.connections().filter(({ state }) => state.admission.connectionId !== null);
  roster.agentsAtLoad = stored.length + roster.httpLeases.size;
  const outdated = roster
    .all()
    .filter(
      (connection) =>
        !connection.overHttp &&
        (!isOwn(connection.agentId) || (connection.state.terms !== null && !sameTerms(connection.terms, terms))),
    );
  for (const connection of stored) {
    const { id } = connection.state;
    if (roster.get(id) === undefined && sockets.getWebSockets(id).length === 0) {
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
