/** Sweeps a hub: ends the leases that have run out, corrects beats, and sets the alarm for the next sweep. */
import type { Settings } from "../config.ts";
import { encode } from "../protocol/message.ts";
import type { Alarm } from "./alarm.ts";
import { AGENT_TAG, type Connection, type Sockets } from "./connection.ts";
import { termsOf } from "./connection-state.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";
import { endRestarted, endVanished, type Recovered } from "./recovery.ts";
import type { Roster, RosterStore, StoredConnection } from "./roster.ts";
import { SweepPlan } from "./sweep.ts";
import { isNews, type LastSweep, type SweepRecord } from "./sweep-record.ts";

/**
 * All stored connections are compared with the sockets after this time, because sockets may vanish without an event.
 */
const COMPARE_EVERY_MS = 10 * 60_000;

export interface SweeperParts {
  readonly settings: Settings;
  readonly window: HeartbeatWindow;
  readonly sockets: Sockets;
  readonly store: RosterStore;
  readonly roster: Roster;
  readonly alarm: Pick<Alarm, "ringBy">;
}

export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #plan: SweepPlan;
  #last: LastSweep = { at: 0, known: null };
  /** The record that is stored, perhaps since an earlier sweep. */
  #stored: SweepRecord | null = null;
  /** The connections whose ends wait until the time of the alarm is known. */
  #gone: readonly StoredConnection[] = [];
  /** The ids of the connections that viewers and readers were told are late. */
  #late: ReadonlySet<string> = new Set();
  /** When the next sweep is due; null if that is not known since the hub was loaded. */
  #nextAt: number | null = null;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    this.#plan = new SweepPlan(parts.window, termsOf(parts.settings));
  }

  load({ last, gone }: Recovered): void {
    this.#last = last;
    this.#stored = last.known;
    this.#late = new Set(last.known?.late);
    this.#gone = gone;
  }

  /**
   * Records the ends of the connections that were gone when the hub was loaded. Call it once the time of the alarm is known:
   * a hub that is loaded because its alarm rings learns it from the alarm.
   */
  endGone(alarmAt: number | null): void {
    const gone = this.#gone;
    this.#gone = [];
    endRestarted(this.#parts, gone, this.#last.at, alarmAt);
  }

  /**
   * Call this when a status read has told a reader that these connections are late, before a sweep has noticed. A
   * client of the feed shows what it reads, so the next sweep must tell it when they are no longer late.
   */
  noteLate(connections: readonly Connection[]): void {
    const { roster } = this.#parts;
    const news = connections.filter(({ id }) => !this.#late.has(id));
    if (news.length === 0) return;
    for (const connection of news) roster.tellPresence(connection);
    this.#late = new Set([...this.#late, ...news.map(({ id }) => id)]);
    if (this.#last.known === null) return;
    this.#keep(this.#last.at, { ...this.#last.known, late: [...this.#late] });
  }

  /** Sets the alarm for the sweep that a connection needs next. */
  watch(connection: Connection, now: number): void {
    this.#sweepBy(this.#dueAt(connection, now, false));
  }

  /** Sweeps if a sweep is due. Sets the alarm for the next sweep if there are connections. */
  sweepIfDue(now: number): void {
    const { roster } = this.#parts;
    roster.endUnregistered(now);
    // Another part of the hub may have set the alarm that rang.
    const due = Math.max(this.#nextAt ?? now, this.#plan.notBefore(this.#last.at, now));
    if (now >= due) this.#sweep(now);
    else if (!roster.isEmpty) this.#sweepBy(due);
  }

  #sweep(now: number): void {
    const { settings, sockets, roster } = this.#parts;
    const comparedAt = this.#last.known?.comparedAt ?? now;
    const isCompared = now < comparedAt || now >= comparedAt + COMPARE_EVERY_MS;
    if (isCompared) endVanished(this.#parts, Math.min(comparedAt, now));
    let [confirmed, untagged] = [0, 0];
    const unconfirmed = new Set(roster.connections.httpLeases);
    for (const socket of roster.connections.agentSockets()) {
      if (roster.connections.hasUntagged && !sockets.getTags(socket).includes(AGENT_TAG)) untagged++;
      const beatAt = sockets.getWebSocketAutoResponseTimestamp(socket)?.getTime();
      const isConfirmed = beatAt !== undefined && this.#plan.isConfirmedBy(beatAt, now);
      // A confirmed connection is not read from its socket, because such reads would be most of the cost of a sweep.
      const connection = isConfirmed ? undefined : roster.connections.bySocket(socket);
      if (isConfirmed) confirmed++;
      else if (connection?.state.registered) unconfirmed.add(connection);
    }
    roster.endExpired(unconfirmed, now);
    const silent = [...unconfirmed].filter(({ state }) => !state.ended);
    this.#tellLate(silent, now);
    const late = [...this.#late];
    const counts = { agents: confirmed + silent.length, untagged, late, comparedAt: isCompared ? now : comparedAt };
    this.#keep(now, { ...counts, terms: termsOf(settings), hubShards: settings.hubShards });
    roster.connections.hasUntagged = untagged > 0;
    this.#nextAt = null;
    for (const connection of silent) this.#sweepBy(this.#dueAt(connection, now, this.#correctBeat(connection, now)));
    if (confirmed > 0) this.#sweepBy(this.#plan.nextSettled(now));
  }

  /** Remembers a sweep, and stores it if it has something new. */
  #keep(at: number, known: SweepRecord): void {
    this.#last = { at, known };
    if (!isNews(known, this.#stored)) return;
    this.#stored = known;
    this.#parts.store.saveSweep(at, known);
  }

  /** Tells the viewers which connections have become late, and which are no longer late. */
  #tellLate(silent: readonly Connection[], now: number): void {
    const { roster } = this.#parts;
    const before = this.#late;
    const late = new Map(silent.filter((connection) => connection.lateAt() <= now).map((c) => [c.id, c]));
    for (const [id, connection] of late) if (!before.has(id)) roster.tellPresence(connection);
    for (const id of before) {
      const connection = late.has(id) ? undefined : roster.connections.get(id);
      if (connection !== undefined) roster.tellPresence(connection);
    }
    this.#late = new Set(late.keys());
  }

  #sweepBy(at: number): void {
    this.#nextAt = Math.min(at, this.#nextAt ?? at);
    this.#parts.alarm.ringBy(at);
  }

  #dueAt(connection: Connection, now: number, isCorrected: boolean): number {
    const { isAligned } = connection.state;
    const times = { lastSeen: connection.lastSeen(), lateAt: connection.lateAt(), leaseEnd: connection.leaseEnd() };
    return this.#plan.dueAt({ isAligned, isCorrected, ...times }, this.#last.at, now);
  }

  /**
   * If the beats of an agent have drifted out of the window, tells the agent to beat now, and when to beat next.
   * Returns whether it did.
   */
  #correctBeat(connection: Connection, now: number): boolean {
    const { window, roster } = this.#parts;
    const beatAt = connection.lastBeat();
    if (!connection.state.isAligned || beatAt === null || beatAt < connection.state.alignedFrom) return false;
    if (!window.isOff(connection.agentId, beatAt)) return false;
    const delayMs = roster.scheduleBeat(connection, now);
    connection.send(encode("agent.heartbeat.align", { dataJson: JSON.stringify({ delayMs }) }));
    return true;
  }
}
