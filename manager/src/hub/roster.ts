/**
 * The connections of one hub: how they begin, how they end, and which are live. The beginning and the end of each
 * registered connection are transitions. The outbox writes them to the registry.
 */
import type { Settings } from "../config.ts";
import type { CloneReport } from "../presence/clone.ts";
import type { NamedHost } from "../presence/host.ts";
import { ended, type LiveStatus, type OfflineReason, type Transition } from "../presence/presence.ts";
import { Close } from "../protocol/close.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { encode } from "../protocol/message.ts";
import type { Admission } from "../registry/admission.ts";
import type { StaleConnection } from "../registry/transitions.ts";
import type { Alarm } from "./alarm.ts";
import { detectClone, type ReplacedHosts } from "./clones.ts";
import { CLOSED, ClosedConnection, Connection, type Sockets } from "./connection.ts";
import { type ConnectionState, sameTerms, type Terms, termsOf } from "./connection-state.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";
import { MultiMap } from "./multimap.ts";
import type { Outbox } from "./outbox.ts";
import { SweepPlan } from "./sweep.ts";
import { TokenSlots } from "./token-slots.ts";
import { reconnectSpreadMs } from "./welcome.ts";

/** If an alarm was lost, a reader sets one that rings after this time. */
const LOST_ALARM_MS = 10_000;
/** The part of the hub's store that keeps connections. */
export interface RosterStore extends ReplacedHosts {
  /** The stored connections. After a restart, the sockets of some may be gone. */
  connections(): ConnectionState[];
  putConnection(state: ConnectionState): void;
  deleteConnection(id: string): void;
  forgetConnections(): void;
  /** When the last sweep was; Unix milliseconds. */
  sweptAt: number;
  /** Moves aside a value that another version stored and this version cannot read. */
  setAside(source: string, id: string, text: string): void;
}

export interface RosterParts {
  readonly settings: Settings;
  /** When the agents of this hub beat. */
  readonly window: HeartbeatWindow;
  readonly sockets: Sockets;
  readonly store: RosterStore;
  readonly outbox: Pick<Outbox, "push" | "pending">;
  readonly alarm: Pick<Alarm, "ringBy" | "isSet">;
  /** Called for each connection that outlived the hub's memory. */
  readonly onRecovered: (connection: Connection) => void;
  /** Called for each connection that has ended. */
  readonly onEnded: (connection: Connection) => void;
  /** Called when two live hosts are detected with one identity. */
  readonly onClone: (agentId: string, report: CloneReport) => void;
}

/** How a connection ended. */
export interface Departure {
  readonly reason: OfflineReason;
  /** The hub closes the socket with this code and reason. */
  readonly close?: Close;
  /** The socket was already closed with this code. */
  readonly code?: number;
  /** When the agent went offline; now by default. */
  readonly since?: number;
  readonly lastSeen?: number;
}

export class Roster {
  readonly #parts: RosterParts;
  /** The terms in a welcome that is sent now. */
  readonly #terms: Terms;
  readonly #sweeps: SweepPlan;
  readonly #byId = new Map<string, Connection>();
  readonly #byAgent = new MultiMap<Connection>();
  readonly #slots = new TokenSlots();
  /** How many connections were stored when the hub was loaded. The agents of those that are gone will come back. */
  #storedAtLoad = 0;

  constructor(parts: RosterParts) {
    this.#parts = parts;
    this.#terms = termsOf(parts.settings);
    this.#sweeps = new SweepPlan(parts.window, this.#terms);
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * How many agents this hub has, or expects back after a restart. Connections that have not registered yet do not
   * count as agents.
   */
  get expected(): number {
    return Math.max(this.size - this.#slots.unregisteredCount, this.#storedAtLoad);
  }

  /** Whether one more unregistered connection may be opened with this token. */
  hasRoomFor(admission: Admission): boolean {
    return this.#slots.hasRoomFor(admission);
  }

  /** The socket is closed at both ends, or broken. */
  forgetSocket(socket: WebSocket): void {
    this.#slots.forgetSocket(socket);
  }

  get(connectionId: string): Connection | undefined {
    return this.#byId.get(connectionId);
  }

  /** The connection of a socket; undefined if it has ended. */
  bySocket(socket: WebSocket): Connection | undefined {
    return this.#byId.get(Connection.idOf(this.#parts.sockets, socket));
  }

  /**
   * Every connection of an agent, registered or not. It is a copy, so a loop over it may add and remove connections.
   */
  ofAgent(agentId: string): Connection[] {
    return this.#byAgent.of(agentId);
  }

  /** Every connection. It is a copy too. */
  all(): Connection[] {
    return [...this.#byId.values()];
  }

  /** The connection with which the agent is online; undefined if there is none or if its lease has ended. */
  live(agentId: string): Connection | undefined {
    const now = Date.now();
    return this.ofAgent(agentId).find((connection) => connection.live(now)?.status === "online");
  }

  /** The status of these agents, or of all agents: those with a connection, and those with a transition still in the outbox. */
  status(agentIds?: readonly string[]): LiveStatus[] {
    const { outbox, alarm } = this.#parts;
    const now = Date.now();
    // If the alarm was lost, no sweep would end the leases any more. So a read sets the alarm again.
    if (!alarm.isSet && this.size > 0) alarm.ringBy(now + LOST_ALARM_MS);
    const known = new Map<string, LiveStatus>();
    for (const connection of agentIds?.flatMap((id) => this.ofAgent(id)) ?? this.all()) {
      const live = connection.live(now);
      if (live !== null) known.set(connection.agentId, live);
    }
    // After a failure of D1 the outbox is long. A question about connected agents must not read all of it.
    const unknown = agentIds && new Set(agentIds.filter((id) => !known.has(id)));
    if (unknown?.size === 0) return [...known.values()];
    for (const [id, transition] of outbox.pending()) {
      if (known.has(id) || unknown?.has(id) === false) continue;
      known.set(id, { ...transition, rttMs: null, skewMs: null, droppedReplies: 0, droppedFrames: 0 });
    }
    return [...known.values()];
  }

  /** Accepts a socket. Its agent has not registered yet. */
  accept(socket: WebSocket, admission: Admission, connectionId: string): Connection {
    const { sockets, alarm } = this.#parts;
    const connection = Connection.accept(sockets, socket, this.#terms, admission, connectionId);
    this.#add(connection);
    alarm.ringBy(this.#dueAt(connection, Date.now()));
    return connection;
  }

  /**
   * Puts the agent online with this connection: ends its older connections and stores the transition.
   * @param aligns whether the agent beats when the welcome asks it to
   */
  arrive(admission: Admission, registered: NamedHost, aligns = false): Outcome<Connection> {
    const { store, outbox, alarm, onClone } = this.#parts;
    const connection =
      admission.connectionId === null ? Connection.overHttp(admission, this.#terms) : this.get(admission.connectionId);
    if (connection?.isOpen !== true) return failure("disconnected", "the connection was lost");
    for (const other of this.ofAgent(admission.agentId)) {
      if (other === connection) continue;
      if (other.state.registered === null) {
        if (supersedesToken(admission, other.state.admission)) this.#end(other, Close.goingAway);
        continue;
      }
      if (other.generation >= connection.generation) {
        // The other connection is newer. Or both were admitted in the same millisecond, and the other registered first.
        if (!connection.overHttp) this.#end(connection, Close.goingAway);
        return failure("disconnected", "a newer connection of this agent has taken its place");
      }
      const clone = detectClone(store, other, connection, Date.now());
      if (clone !== null) onClone(connection.agentId, clone);
      this.lose(other, { reason: "replaced", close: Close.replaced });
    }
    const arrival = connection.register(registered, aligns && !connection.overHttp);
    this.#slots.remove(connection);
    this.#add(connection);
    store.putConnection(connection.state);
    outbox.push(arrival);
    alarm.ringBy(this.#dueAt(connection, Date.now()));
    return { ok: true, value: connection };
  }

  /** Gives the agent its place in the window. Returns how long until its first beat there, in milliseconds. */
  scheduleBeat(connection: Connection, now: number): number {
    const { window } = this.#parts;
    const delayMs = window.delayMs(connection.agentId, now);
    connection.state.alignedFrom = window.scheduleFrom(now, delayMs);
    connection.save();
    return delayMs;
  }

  /**
   * Stores the changes of a beat. The answer to a beat over HTTP contains the present terms, so the lease takes them
   * over.
   */
  keep(connection: Connection): void {
    connection.save();
    if (!connection.overHttp) return;
    connection.renewTerms(this.#terms);
    this.#parts.store.putConnection(connection.state);
  }

  /**
   * Ends a connection without a goodbye of its agent. If its lease has already ended, the reason is `lease_expired`
   * since that time, because readers have already been shown so.
   */
  lose(connection: Connection, departure: Departure): void {
    const leaseEnd = connection.leaseEnd();
    const expired = leaseEnd <= Date.now();
    this.depart(connection, expired ? { ...departure, reason: "lease_expired", since: leaseEnd } : departure);
  }

  /** Ends a connection and stores the transition. */
  depart(connection: Connection, { reason, close, code, since, lastSeen }: Departure): void {
    const seen = lastSeen ?? connection.lastSeen();
    this.#end(connection, close ?? null);
    const arrival = connection.arrival();
    if (arrival === null) return;
    const end = ended(arrival, reason, seen, since ?? Date.now());
    const transition: Transition = { ...end, closeCode: close?.code ?? code ?? null };
    this.#parts.outbox.push(transition);
  }

  /** Ends every connection of a removed or revoked agent. */
  shutOut(agentId: string): void {
    for (const connection of this.ofAgent(agentId))
      this.depart(connection, { reason: "revoked", close: Close.revoked });
  }

  /**
   * Ends a stale connection. If the agent was removed or revoked, ends all its connections. Otherwise the agent
   * reconnects, and its new connection is the newest.
   */
  closeStale({ agentId, generation, barred }: StaleConnection): void {
    if (barred === 1) this.shutOut(agentId);
    for (const connection of this.ofAgent(agentId)) {
      if (connection.generation === generation) {
        this.depart(connection, { reason: "replaced", close: Close.goingAway });
      }
    }
  }

  /**
   * Closes every socket and tells each agent when to come back. Each gets a different delay: the first `delayMs`, the
   * others evenly after it. HTTP leases stay.
   * @returns the number of registered agents
   */
  drain(delayMs: number): number {
    return this.#reconnectEvenly(this.all(), delayMs);
  }

  #reconnectEvenly(all: Connection[], delayMs: number): number {
    const connections = all.filter((connection) => !connection.overHttp);
    const spreadMs = reconnectSpreadMs(connections.length);
    let drained = 0;
    for (const [place, connection] of connections.entries()) {
      const data = { delayMs: Math.round(delayMs + (spreadMs * place) / connections.length) };
      connection.send(encode("agent.reconnect", { dataJson: JSON.stringify(data) }));
      if (connection.state.registered !== null) drained++;
      this.depart(connection, { reason: "manager_restart", close: Close.goingAway });
    }
    return drained;
  }

  /** Sweeps if a sweep is due. Sets the alarm for the next sweep if there are connections. */
  sweepIfDue(now: number): void {
    const { store, alarm } = this.#parts;
    // Unregistered connections are few, and their time is short. They are checked at every alarm, without a gap.
    this.#endExpired(this.#slots.unregistered(), now);
    if (this.#sweeps.mayRun(store.sweptAt, now)) {
      this.#endExpired(this.all(), now);
      for (const connection of this.all()) this.#correctBeat(connection, now);
      store.sweptAt = now;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const connection of this.all()) next = Math.min(next, this.#dueAt(connection, now));
    if (next < Number.POSITIVE_INFINITY) alarm.ringBy(next);
  }

  #dueAt(connection: Connection, now: number): number {
    const { registered, isAligned } = connection.state;
    const [lastSeen, leaseEnd] = [connection.lastSeen(), connection.leaseEnd()];
    const swept = { isRegistered: registered !== null, isAligned, lastSeen, leaseEnd };
    return this.#sweeps.dueAt(swept, this.#parts.store.sweptAt, now);
  }

  /** Tells an agent whose beats have drifted out of its place in the window when to beat next. */
  #correctBeat(connection: Connection, now: number): void {
    const { window } = this.#parts;
    const beatAt = connection.lastBeat();
    if (!connection.state.isAligned || beatAt === null || beatAt < connection.state.alignedFrom) return;
    if (!window.isOff(connection.agentId, beatAt)) return;
    const delayMs = this.scheduleBeat(connection, now);
    connection.send(encode("agent.heartbeat.align", { dataJson: JSON.stringify({ delayMs }) }));
  }

  /** Ends the connections whose lease has ended. */
  #endExpired(connections: Connection[], now: number): void {
    for (const connection of connections) {
      const leaseEnd = connection.leaseEnd();
      if (leaseEnd <= now) {
        this.depart(connection, { reason: "lease_expired", close: Close.leaseExpired, since: leaseEnd });
      }
    }
  }

  /**
   * Restores the connections after the hub was loaded, and records the end of those whose socket is gone. Some agents
   * must reconnect: those that now belong to another hub, and those that were welcomed with other settings. They are
   * told to come back evenly.
   * @param isOwn whether an agent belongs to this hub; HUB_SHARDS may have changed
   */
  recover(isOwn: (agentId: string) => boolean): void {
    const { sockets, store, onRecovered } = this.#parts;
    const stored = new Map(store.connections().map((state) => [state.id, state]));
    this.#storedAtLoad = stored.size;
    const outdated: Connection[] = [];
    for (const socket of sockets.getWebSockets()) {
      const connection = Connection.wake(sockets, socket, this.#terms);
      if (connection === "unreadable") this.#closeUnreadable(socket);
      else if (connection instanceof ClosedConnection) this.#slots.addClosing(socket, connection.admission);
      if (!(connection instanceof Connection)) continue;
      stored.delete(connection.id);
      this.#add(connection);
      onRecovered(connection);
      const isOutdated = connection.state.terms !== null && !sameTerms(connection.terms, this.#terms);
      if (!isOwn(connection.agentId) || isOutdated) outdated.push(connection);
    }
    for (const state of stored.values()) {
      const connection = Connection.restore(state, this.#terms);
      if (connection.state.admission.connectionId === null) {
        this.#add(connection);
        continue;
      }
      // Nobody saw the connection break. Its last known sign of life, or the last sweep, is the best time for its end.
      const lastSeen = Math.max(connection.lastSeen(), store.sweptAt);
      this.depart(connection, { reason: "manager_restart", lastSeen, since: lastSeen });
    }
    this.#reconnectEvenly(outdated, 0);
  }

  /** Deletes every connection and closes every socket. The agents come back, and the hub starts anew. */
  abandon(): void {
    this.#parts.store.forgetConnections();
    for (const socket of this.#parts.sockets.getWebSockets()) closeUnread(socket);
    for (const connection of this.all()) this.#parts.onEnded(connection);
    this.#byId.clear();
    this.#byAgent.clear();
    this.#slots.clear();
  }

  /**
   * Closes a socket whose state cannot be read. Its agent reconnects. If the connection has a row, `recover` finds it
   * without a socket and records its end.
   */
  #closeUnreadable(socket: WebSocket): void {
    const { sockets, store } = this.#parts;
    store.setAside("attachment", Connection.idOf(sockets, socket), printed(socket.deserializeAttachment()));
    closeUnread(socket);
  }

  #add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    this.#byAgent.add(connection.agentId, connection);
    if (connection.state.registered === null) this.#slots.add(connection);
  }

  /** Removes a connection. Closes its socket, unless `close` is null. */
  #end(connection: Connection, close: Close | null): void {
    this.#byId.delete(connection.id);
    this.#byAgent.delete(connection.agentId, connection);
    this.#slots.remove(connection);
    this.#parts.store.deleteConnection(connection.id);
    const closing = close === null ? null : connection.end(close);
    if (closing !== null) this.#slots.addClosing(closing, connection.state.admission);
    this.#parts.onEnded(connection);
  }
}

/** Closes a socket whose state nobody needs any more. Its agent reconnects. */
function closeUnread(socket: WebSocket): void {
  socket.serializeAttachment(CLOSED);
  socket.close(Close.goingAway.code, Close.goingAway.reason);
}

/** A value for people. An attachment may hold values that JSON has no form for. */
function printed(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Whether the new token of this admission's agent makes the token of `other` void. */
function supersedesToken(admission: Admission, other: Admission): boolean {
  const replaced = admission.enrolment !== null || admission.candidateHash !== null;
  // A connection with an enrolment or a candidate is checked against the registry again when it registers.
  return replaced && other.enrolment === null && other.candidateHash === null;
}
