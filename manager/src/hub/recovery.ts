/**
 * What a hub does when it is loaded. After hibernation its connections are read when they are needed. After a restart the
 * sockets are gone, and the end of every connection is recorded.
 */
import type { Settings } from "../config.ts";
import type { Sockets } from "./connection.ts";
import { sameTerms, termsOf } from "./connection-state.ts";
import type { Roster, RosterStore } from "./roster.ts";
import type { LastSweep } from "./sweep-record.ts";

export interface RecoveryParts {
  readonly settings: Settings;
  readonly sockets: Sockets;
  readonly store: RosterStore;
  readonly roster: Roster;
}

/** @param isOwn whether an agent belongs to this hub; HUB_SHARDS may have changed */
export function recover(parts: RecoveryParts, last: LastSweep, isOwn: (agentId: string) => boolean): void {
  const { store, roster } = parts;
  for (const { state, end } of store.httpLeases()) if (end === null) roster.restoreHttpLease(state);
  roster.hasUntagged = last.known === null || last.known.untagged > 0;
  roster.agentsAtLoad = last.known?.agents ?? 0;
  if (!isUnchanged(parts, last) || !hasSockets(parts)) compareAll(parts, last.at, isOwn);
}

/** Whether the last sweep was made by this release of the code, or a later one, with the present settings. */
function isUnchanged({ settings }: RecoveryParts, { known }: LastSweep): boolean {
  if (known === null || known.untagged > 0) return false;
  return known.hubShards === settings.hubShards && sameTerms(known.terms, termsOf(settings));
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
  const stored = store.connections().filter(({ state }) => state.admission.connectionId !== null);
  roster.agentsAtLoad = stored.length + roster.httpLeases.size;
  const outdated = roster
    .all()
    .filter(
      (connection) =>
        !connection.overHttp &&
        (!isOwn(connection.agentId) || (connection.state.terms !== null && !sameTerms(connection.terms, terms))),
  // An agent over HTTP cannot be told. Its next beat goes to its present hub, and what happens here is in no feed any more.
  for (const lease of roster.httpLeases) {
    if (!isOwn(lease.agentId)) roster.depart(lease, { reason: "manager_restart" });
  }
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
