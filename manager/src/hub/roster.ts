/**
 * How the connections of one hub begin and end, and which are live. The beginning and the end of each registered
 * connection are transitions. The outbox writes them to the registry.
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
import { CLOSED, Connection, type Sockets } from "./connection.ts";
import { type ConnectionState, type Terms, termsOf } from "./connection-state.ts";
import { Connections } from "./connections.ts";
import { Deadline } from "./deadline.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";
import type { Outbox } from "./outbox.ts";
import type { LastSweep, SweepRecord } from "./sweep-record.ts";
import { reconnectSpreadMs } from "./welcome.ts";

/** If an alarm was lost, a reader sets one that rings after this time. */
const LOST_ALARM_MS = 10_000;
/** Connections that do not register are looked for at most this often. */
const UNREGISTERED_GAP_MS = 250;

/** A connection in the hub's store. */
export interface StoredConnection {
  readonly state: ConnectionState;
  /** Its end, if it has ended and the registry does not have that yet. */
  readonly end: Transition | null;
}

/** The part of the hub's store that keeps connections. */
export interface RosterStore extends ReplacedHosts {
  /** The stored connections. After a restart, the sockets of some may be gone. */
  connections(): StoredConnection[];
  connection(id: string): StoredConnection | null;
  httpLeases(): StoredConnection[];
  /** The ids of stored connections, HTTP leases apart; at most `limit`. */
  connectionIds(limit?: number): string[];
  readonly hasConnections: boolean;
  putConnection(state: ConnectionState): void;
  forgetConnections(): void;
  lastSweep(): LastSweep;
  saveSweep(at: number, known: SweepRecord): void;
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
  /** Called when an agent has come or gone. If a newer connection takes its place at once, only that is told. */
  readonly onPresence: (live: LiveStatus) => void;
  /** Called when a reader is told that these connections are late. */
  readonly onReadLate: (late: readonly Connection[]) => void;
  /** Called for each connection that has registered. */
  readonly onArrived: (connection: Connection) => void;
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
  readonly connections: Connections;
  /** When the next unregistered connection has to be registered. */
  readonly #registerBy: Deadline;
  /** How many agents were connected when the hub was loaded. Those that are gone will come back. */
  agentsAtLoad = 0;
  constructor(parts: RosterParts) {
    this.#parts = parts;
    this.#terms = termsOf(parts.settings);
    this.connections = new Connections({
      sockets: parts.sockets,
      terms: this.#terms,
      onRead: (connection) => {
        this.#setRegisterBy(connection);
        parts.onRecovered(connection);
        this.#repeatArrival(connection);
      },
      onUnreadable: (socket, id) => this.#closeUnreadable(socket, id),
    });
    this.#registerBy = new Deadline(() => this.endUnregistered(Date.now()));
  }

  /** Whether the hub has neither connections nor rows of them. */
  get isEmpty(): boolean {
    return this.connections.isEmpty && !this.#parts.store.hasConnections;
  }

  /**
   * About how many agents this hub has, or expects back after a restart. Connections that have not registered yet do not
   * count as agents.
   */
  get expected(): number {
    return Math.max(this.connections.registeredCount, this.agentsAtLoad);
  }

  /** The connection with which the agent is online; undefined if there is none or if its lease has ended. */
  live(agentId: string): Connection | undefined {
    const now = Date.now();
    return this.connections.ofAgent(agentId).find((connection) => connection.live(now)?.status === "online");
  }

  /** The status of these agents, or of all agents: those with a connection, and those with a transition still in the outbox. */
  status(agentIds?: readonly string[]): LiveStatus[] {
    const { outbox, alarm, onReadLate } = this.#parts;
    const now = Date.now();
    // If the alarm was lost, no sweep would end the leases any more. So a read sets the alarm again.
    if (!alarm.isSet && !this.isEmpty) alarm.ringBy(now + LOST_ALARM_MS);
    const known = new Map<string, LiveStatus>();
    const connections = agentIds?.flatMap((id) => this.connections.ofAgent(id)) ?? this.connections.all();
    // A reader that is told the end of a lease must not be told later that the connection is alive after all.
    this.endExpired(connections, now);
    const late: Connection[] = [];
    for (const connection of connections) {
      const live = connection.state.ended ? null : connection.live(now);
      if (live === null) continue;
      known.set(connection.agentId, live);
      if (live.reason === "late") late.push(connection);
    }
    if (late.length > 0) onReadLate(late);
    // After a failure of D1 the outbox is long. A question about connected agents must not read all of it.
    const unknown = agentIds && new Set(agentIds.filter((id) => !known.has(id)));
    if (unknown?.size === 0) return [...known.values()];
    for (const [id, transition] of outbox.pending()) {
      if (known.has(id) || unknown?.has(id) === false) continue;
      known.set(id, offlineStatus(transition));
    }
    return [...known.values()];
  }

  /**
   * Accepts a socket, whose agent has yet to register, and gives the agent its place in the window.
   * @returns also how long until its first beat there, in milliseconds
   */
  accept(
    socket: WebSocket,
    admission: Admission,
    connectionId: string,
  ): { readonly connection: Connection; readonly beatDelayMs: number } {
    const connection = Connection.accept(this.#parts.sockets, socket, this.#terms, admission, connectionId);
    this.#add(connection);
    return { connection, beatDelayMs: this.scheduleBeat(connection, Date.now()) };
  }

  /**
   * Puts the agent online with this connection: ends its older connections and stores the transition.
   * @param aligns whether the agent beats when the welcome asks it to
   */
  arrive(admission: Admission, registered: NamedHost, aligns = false): Outcome<Connection> {
    const { store, outbox, onArrived, onClone } = this.#parts;
    const connection =
      admission.connectionId === null
        ? Connection.overHttp(admission, this.#terms)
        : this.connections.get(admission.connectionId);
    if (connection?.isOpen !== true) return failure("disconnected", "the connection was lost");
    for (const other of this.connections.ofAgent(admission.agentId)) {
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
    this.#add(connection);
    store.putConnection(connection.state);
    // Before the push: while an alarm is set, the outbox need not set one.
    onArrived(connection);
    outbox.push({ connectionId: connection.id, transition: arrival });
    this.tellPresence(connection);
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
    this.#parts.outbox.push({ connectionId: connection.id, transition });
    if (reason !== "replaced") this.#parts.onPresence(offlineStatus(transition));
  }

  /** Tells those who watch the presence of a registered connection as it is now. */
  tellPresence(connection: Connection): void {
    const live = connection.live(Date.now());
    if (live !== null) this.#parts.onPresence(live);
  }

  /** The registry, or the outbox, has the beginning of this connection. */
  storedArrival(connectionId: string): void {
    this.connections.get(connectionId)?.storedArrival();
  }

  /** Ends every connection of a removed or revoked agent. */
  shutOut(agentId: string): void {
    for (const connection of this.connections.ofAgent(agentId))
      this.depart(connection, { reason: "revoked", close: Close.revoked });
  }

  /**
   * Ends a stale connection. If the agent was removed or revoked, ends all its connections. Otherwise the agent
   * reconnects, and its new connection is the newest.
   */
  closeStale({ agentId, generation, barred }: StaleConnection): void {
    if (barred === 1) this.shutOut(agentId);
    for (const connection of this.connections.ofAgent(agentId)) {
      if (connection.generation === generation) {
        this.depart(connection, { reason: "replaced", close: Close.goingAway });
      }
    }
  }

  /**
   * Closes every socket and tells each agent when to come back. Each gets a different delay: the first `delayMs`, the
   * others evenly after it. HTTP leases stay.
   * @param hubs how many hubs do this at the same time
   * @returns the number of registered agents
   */
  drain(delayMs: number, hubs: number): number {
    return this.reconnectEvenly(this.connections.all(), delayMs, hubs);
  }

  /** Does the same with some of the connections. */
  reconnectEvenly(all: readonly Connection[], delayMs: number, hubs: number): number {
    const connections = all.filter((connection) => !connection.overHttp);
    const spreadMs = reconnectSpreadMs(connections.length, hubs);
    let drained = 0;
    for (const [place, connection] of connections.entries()) {
      const data = { delayMs: Math.round(delayMs + (spreadMs * place) / connections.length) };
      connection.send(encode("agent.reconnect", { dataJson: JSON.stringify(data) }));
      if (connection.state.registered !== null) drained++;
      this.depart(connection, { reason: "manager_restart", close: Close.goingAway });
    }
    return drained;
  }

  restoreHttpLease(state: ConnectionState): void {
    const lease = Connection.restore(state, this.#terms);
    this.#add(lease);
    this.#repeatArrival(lease);
  }

  /** Ends the connections that should have registered by now. */
  endUnregistered(now: number): void {
    this.endExpired(this.connections.unregistered(), now);
    // In a crowd of them, each has its own time, and all are looked at each time.
    const next = now + UNREGISTERED_GAP_MS;
    for (const connection of this.connections.unregistered())
      this.#registerBy.by(Math.max(next, connection.leaseEnd()));
  }

  /** Ends the connections whose lease has ended. */
  endExpired(connections: Iterable<Connection>, now: number): void {
    for (const connection of connections) {
      const leaseEnd = connection.leaseEnd();
      if (leaseEnd <= now) {
        this.depart(connection, { reason: "lease_expired", close: Close.leaseExpired, since: leaseEnd });
      }
    }
  }

  /**
   * Records the end of a stored connection without a socket.
   * @param aliveAt when it was known to be there; Unix milliseconds
   */
  endStored({ state, end }: StoredConnection, reason: "lost" | "manager_restart", aliveAt: number): void {
    const { outbox } = this.#parts;
    const connection = this.connections.get(state.id) ?? Connection.restore(state, this.#terms);
    // Whether the registry has its beginning is stored with the socket, which is gone.
    this.#repeatArrival(connection);
    if (end !== null) {
      outbox.push({ connectionId: state.id, transition: end });
      return;
    }
    // Nobody saw the connection break. Its last known sign of life, or the last sweep, is the best time for its end.
    const lastSeen = Math.max(connection.lastSeen(), aliveAt);
    this.depart(connection, { reason, lastSeen, since: lastSeen });
  }

  /** Deletes every connection and closes every socket. The agents come back, and the hub starts anew. */
  abandon(): void {
    this.#parts.store.forgetConnections();
    for (const socket of this.#parts.sockets.getWebSockets()) closeUnread(socket);
    this.connections.forgetAll().forEach(this.#parts.onEnded);
  }

  /** Puts the beginning of a connection into the outbox once more, if the hub's memory was lost before it was flushed. */
  #repeatArrival(connection: Connection): void {
    const arrival = connection.arrival();
    if (arrival === null || connection.state.arrivalStored) return;
    this.#parts.outbox.push({ connectionId: connection.id, transition: arrival });
  }

  /** Closes a socket whose state cannot be read, and records the end of its connection. Its agent reconnects. */
  #closeUnreadable(socket: WebSocket, id: string): void {
    const { store } = this.#parts;
    store.setAside("attachment", id, printed(socket.deserializeAttachment()));
    closeUnread(socket);
    const stored = store.connection(id);
    if (stored !== null) this.endStored(stored, "manager_restart", Date.now());
  }

  #add(connection: Connection): void {
    this.connections.add(connection);
    this.#setRegisterBy(connection);
  }

  /** Sets the timer for a connection that has to register, and ends it when there is none: it would keep the hub awake. */
  #setRegisterBy(connection: Connection): void {
    if (connection.state.registered === null) this.#registerBy.by(connection.leaseEnd());
    else if (this.connections.unregisteredCount === 0) this.#registerBy.cancel();
  }

  /** Removes a connection. Closes its socket, unless `close` is null. */
  #end(connection: Connection, close: Close | null): void {
    this.connections.remove(connection);
    if (this.connections.unregisteredCount === 0) this.#registerBy.cancel();
    const closing = connection.end(close);
    if (closing !== null) this.connections.addClosing(closing, connection.state.admission);
    this.#parts.onEnded(connection);
  }
}

/** The status of an agent without a connection. */
function offlineStatus(transition: Transition): LiveStatus {
  return { ...transition, rttMs: null, skewMs: null, droppedReplies: 0, droppedFrames: 0 };
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
