/**
 * Who is here: the connections of one hub, and every way in which they begin and end. Each beginning and end of a
 * registered connection is a transition, which the outbox carries to the registry.
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
import { Connection, type Sockets } from "./connection.ts";
import { type ConnectionState, sameTerms, type Terms, termsOf } from "./connection-state.ts";
import type { Outbox } from "./outbox.ts";
import { reconnectSpreadMs } from "./welcome.ts";

/** At most one sweep in this time. */
const SWEEP_GAP_MS = 10_000;
/**
 * Connections that may be open at once before they have registered: opened by one enrolment token, or by one agent's
 * own token.
 */
const MAX_UNREGISTERED = 4;
/** The same for an enrolment token of many hosts, which may all come at once. */
const MAX_UNREGISTERED_FLEET = 64;

/** The part of the hub's store that remembers connections. */
export interface RosterStore extends ReplacedHosts {
  /** Connections that this hub believes are there. */
  connections(): ConnectionState[];
  putConnection(state: ConnectionState): void;
  deleteConnection(id: string): void;
  forgetConnections(): void;
  /** When the last sweep was; Unix milliseconds. */
  sweptAt: number;
  /** Keeps for people what another version has stored and this one cannot read. */
  setAside(source: string, id: string, text: string): void;
}

export interface RosterParts {
  readonly settings: Settings;
  readonly sockets: Sockets;
  readonly store: RosterStore;
  readonly outbox: Pick<Outbox, "push" | "pending">;
  readonly alarm: Pick<Alarm, "by" | "isSet">;
  /** Told of each connection that outlived the hub's memory. */
  readonly onRecovered: (connection: Connection) => void;
  /** Told of each connection that is over. */
  readonly onEnded: (connection: Connection) => void;
  /** Told when two live hosts are seen with one identity. */
  readonly onClone: (agentId: string, report: CloneReport) => void;
}

/** How a connection ended. */
export interface Departure {
  readonly reason: OfflineReason;
  /** The hub closes the socket with this. */
  readonly close?: Close;
  /** The socket was closed with this code. */
  readonly code?: number;
  /** Since when the agent is offline by it; now by default. */
  readonly since?: number;
  readonly lastSeen?: number;
}

export class Roster {
  readonly #parts: RosterParts;
  /** What a welcome states now. */
  readonly #terms: Terms;
  readonly #byId = new Map<string, Connection>();
  readonly #byAgent = new Map<string, Set<Connection>>();
  /** How many connections have yet to register, by the token that opened them. */
  readonly #unregistered = new Map<string, Set<Connection>>();
  /** How many agents the hub believed in when it was loaded: they will come back together with the others. */
  #believed = 0;

  constructor(parts: RosterParts) {
    this.#parts = parts;
    this.#terms = termsOf(parts.settings);
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * How many agents this hub has, or had when it was loaded and expects back. Connections that have yet to register are
   * none.
   */
  get expected(): number {
    let unregistered = 0;
    for (const connections of this.#unregistered.values()) unregistered += connections.size;
    return Math.max(this.size - unregistered, this.#believed);
  }

  /** Whether another connection may be opened with this token before those that it has opened have registered. */
  hasRoomFor(admission: Admission): boolean {
    const open = this.#unregistered.get(tokenOf(admission))?.size ?? 0;
    return open < ((admission.enrolment?.maxUses ?? 1) > 1 ? MAX_UNREGISTERED_FLEET : MAX_UNREGISTERED);
  }

  get(connectionId: string): Connection | undefined {
    return this.#byId.get(connectionId);
  }

  /** The connection of a socket; undefined once it is over. */
  by(socket: WebSocket): Connection | undefined {
    return this.#byId.get(Connection.idOf(this.#parts.sockets, socket));
  }

  /** Every connection of an agent, registered or not, in a copy that may be walked while connections come and go. */
  of(agentId: string): Connection[] {
    return [...(this.#byAgent.get(agentId) ?? [])];
  }

  /** Every connection, likewise in a copy. */
  all(): Connection[] {
    return [...this.#byId.values()];
  }

  /** The connection that the agent is online with, if its lease still runs. */
  live(agentId: string): Connection | undefined {
    const now = Date.now();
    return this.of(agentId).find((connection) => connection.live(now)?.status === "online");
  }

  /** What is known of one agent, or of all: those online, and those whose end the registry has not got yet. */
  status(agentId?: string): LiveStatus[] {
    const { outbox, alarm } = this.#parts;
    const now = Date.now();
    // If an alarm was lost, leases would run out unswept. A reader sets one.
    if (!alarm.isSet && this.size > 0) alarm.by(now + SWEEP_GAP_MS);
    const known = new Map<string, LiveStatus>();
    for (const connection of agentId === undefined ? this.all() : this.of(agentId)) {
      const live = connection.live(now);
      if (live !== null) known.set(connection.agentId, live);
    }
    // The outbox is long when D1 has been down: a question about an agent that is here must not read all of it.
    if (agentId !== undefined && known.size > 0) return [...known.values()];
    for (const [id, transition] of outbox.pending()) {
      if (known.has(id) || (agentId !== undefined && id !== agentId)) continue;
      known.set(id, { ...transition, rttMs: null, skewMs: null, droppedReplies: 0, droppedFrames: 0 });
    }
    return [...known.values()];
  }

  /** Takes in a socket whose agent has yet to register. */
  accept(socket: WebSocket, admission: Admission, connectionId: string): Connection {
    const { sockets, alarm } = this.#parts;
    const connection = Connection.accept(sockets, socket, this.#terms, admission, connectionId);
    this.#add(connection);
    alarm.by(connection.leaseEnd());
    return connection;
  }

  /** The agent is online with this connection: older ones of it end, and the transition is on its way. */
  arrive(admission: Admission, registered: NamedHost): Outcome<Connection> {
    const { store, outbox, alarm, onClone } = this.#parts;
    const connection =
      admission.connectionId === null ? Connection.overHttp(admission, this.#terms) : this.get(admission.connectionId);
    if (connection?.isOpen !== true) return failure("disconnected", "the connection was lost");
    for (const other of this.of(admission.agentId)) {
      if (other === connection) continue;
      if (other.state.registered === null) {
        if (supersedesToken(admission, other.state.admission)) this.#end(other, Close.goingAway);
        continue;
      }
      if (other.generation >= connection.generation) {
        // Both came at once, and the other was admitted later, or was first to register.
        if (!connection.overHttp) this.#end(connection, Close.goingAway);
        return failure("disconnected", "a newer connection of this agent is there");
      }
      const clone = detectClone(store, other, connection, Date.now());
      if (clone !== null) onClone(connection.agentId, clone);
      this.lose(other, { reason: "replaced", close: Close.replaced });
    }
    const arrival = connection.register(registered);
    this.#forgetUnregistered(connection);
    this.#add(connection);
    store.putConnection(connection.state);
    outbox.push(arrival);
    alarm.by(connection.leaseEnd());
    return { ok: true, value: connection };
  }

  /**
   * Keeps what a beat has changed. The answer to a beat over HTTP states the present terms, so they hold from then on.
   */
  keep(connection: Connection): void {
    connection.save();
    if (!connection.overHttp) return;
    connection.renewTerms(this.#terms);
    this.#parts.store.putConnection(connection.state);
  }

  /**
   * The connection is over, and its agent did not say so. After the end of its lease, that is the reason: readers saw
   * it.
   */
  lose(connection: Connection, departure: Departure): void {
    const leaseEnd = connection.leaseEnd();
    const expired = leaseEnd <= Date.now();
    this.depart(connection, expired ? { ...departure, reason: "lease_expired", since: leaseEnd } : departure);
  }

  /** The connection is over, and the transition is on its way. */
  depart(connection: Connection, { reason, close, code, since, lastSeen }: Departure): void {
    const seen = lastSeen ?? connection.lastSeen();
    this.#end(connection, close ?? null);
    const arrival = connection.arrival();
    if (arrival === null) return;
    const end = ended(arrival, reason, seen, since ?? Date.now());
    const transition: Transition = { ...end, closeCode: close?.code ?? code ?? null };
    this.#parts.outbox.push(transition);
  }

  /** Ends every connection of an agent that was removed or revoked. */
  shutOut(agentId: string): void {
    for (const connection of this.of(agentId)) this.depart(connection, { reason: "revoked", close: Close.revoked });
  }

  /**
   * Ends what the registry has no place for: all of a barred agent, or one connection, which comes back as the newest.
   */
  closeStale({ agentId, generation, barred }: StaleConnection): void {
    if (barred === 1) this.shutOut(agentId);
    for (const connection of this.of(agentId)) {
      if (connection.generation === generation) {
        this.depart(connection, { reason: "replaced", close: Close.goingAway });
      }
    }
  }

  /**
   * Sends every socket away. Each agent gets a delay of its own: they are spread evenly, beginning with `delayMs`.
   * Leases over HTTP stay.
   * @returns how many registered agents there were
   */
  drain(delayMs: number): number {
    return this.#sendAway(this.all(), delayMs);
  }

  #sendAway(all: Connection[], delayMs: number): number {
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

  /** Sweeps if a sweep is due, and sets the alarm for the next one while anybody is here. */
  sweepIfDue(now: number): void {
    const { settings, store, alarm } = this.#parts;
    const gap = Math.min(SWEEP_GAP_MS, settings.leaseMs / 4);
    // Those that have yet to register are few, and their time is short: they wait for no gap.
    for (const connections of [...this.#unregistered.values()]) this.#endExpired([...connections], now);
    if (now >= store.sweptAt + gap) {
      this.#endExpired(this.all(), now);
      store.sweptAt = now;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const connection of this.all()) {
      const leaseEnd = connection.leaseEnd();
      const due = connection.state.registered === null ? leaseEnd : Math.max(store.sweptAt + gap, leaseEnd);
      next = Math.min(next, due);
    }
    if (next < Number.POSITIVE_INFINITY) alarm.by(next);
  }

  /** Ends the leases that have run out. */
  #endExpired(connections: Connection[], now: number): void {
    for (const connection of connections) {
      const leaseEnd = connection.leaseEnd();
      if (leaseEnd <= now) {
        this.depart(connection, { reason: "lease_expired", close: Close.leaseExpired, since: leaseEnd });
      }
    }
  }

  /**
   * Takes up the connections that outlived the hub's memory, and records the end of those that did not. Agents that
   * belong to another hub by now, or were welcomed with other settings, are sent away evenly, to come back where and as
   * they should.
   * @param isOwn whether an agent still belongs to this hub: HUB_SHARDS may have changed
   */
  recover(isOwn: (agentId: string) => boolean): void {
    const { sockets, store, onRecovered } = this.#parts;
    const believed = new Map(store.connections().map((state) => [state.id, state]));
    this.#believed = believed.size;
    const outdated: Connection[] = [];
    for (const socket of sockets.getWebSockets()) {
      const connection = Connection.wake(sockets, socket, this.#terms);
      if (connection === "unreadable") this.#closeUnreadable(socket);
      if (typeof connection === "string") continue;
      believed.delete(connection.id);
      this.#add(connection);
      onRecovered(connection);
      if (!isOwn(connection.agentId) || !sameTerms(connection.terms, this.#terms)) outdated.push(connection);
    }
    for (const state of believed.values()) {
      const connection = Connection.restore(state, this.#terms);
      if (connection.state.admission.connectionId === null) {
        this.#add(connection);
        continue;
      }
      // Nobody saw it break. This is the last that is known of it.
      const lastSeen = Math.max(connection.lastSeen(), store.sweptAt);
      this.depart(connection, { reason: "manager_restart", lastSeen, since: lastSeen });
    }
    this.#sendAway(outdated, 0);
  }

  /** Forgets every connection and closes every socket: the agents come back as if the hub were new. */
  abandon(): void {
    this.#parts.store.forgetConnections();
    for (const socket of this.#parts.sockets.getWebSockets())
      socket.close(Close.goingAway.code, Close.goingAway.reason);
    this.#byId.clear();
    this.#byAgent.clear();
    this.#unregistered.clear();
  }

  /**
   * A socket whose state cannot be read. Its row, if it has one, tells that the connection is over; its agent comes
   * back.
   */
  #closeUnreadable(socket: WebSocket): void {
    const { sockets, store } = this.#parts;
    const text = JSON.stringify(socket.deserializeAttachment()) ?? "";
    store.setAside("attachment", Connection.idOf(sockets, socket), text);
    socket.close(Close.goingAway.code, Close.goingAway.reason);
  }

  #add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    const siblings = this.#byAgent.get(connection.agentId);
    if (siblings === undefined) this.#byAgent.set(connection.agentId, new Set([connection]));
    else siblings.add(connection);
    if (connection.state.registered !== null) return;
    const token = tokenOf(connection.state.admission);
    const unregistered = this.#unregistered.get(token);
    if (unregistered === undefined) this.#unregistered.set(token, new Set([connection]));
    else unregistered.add(connection);
  }

  #forgetUnregistered(connection: Connection): void {
    const token = tokenOf(connection.state.admission);
    const unregistered = this.#unregistered.get(token);
    unregistered?.delete(connection);
    if (unregistered?.size === 0) this.#unregistered.delete(token);
  }

  /** Forgets a connection and closes its socket, if there is a code to close it with. */
  #end(connection: Connection, close: Close | null): void {
    this.#byId.delete(connection.id);
    const siblings = this.#byAgent.get(connection.agentId);
    siblings?.delete(connection);
    if (siblings?.size === 0) this.#byAgent.delete(connection.agentId);
    this.#forgetUnregistered(connection);
    this.#parts.store.deleteConnection(connection.id);
    if (close !== null) connection.end(close);
    this.#parts.onEnded(connection);
  }
}

/**
 * The token that a connection was opened with. An enrolment token has many agent ids, one for each install id that is
 * shown with it.
 */
function tokenOf({ enrolment, agentId }: Admission): string {
  return enrolment === null ? `agent ${agentId}` : `enrolment ${enrolment.id}`;
}

/** Whether the token that this admission got its agent voids the one that `other` was admitted with. */
function supersedesToken(admission: Admission, other: Admission): boolean {
  const replaced = admission.enrolment !== null || admission.candidateHash !== null;
  // The others are held against the registry once more when they register.
  return replaced && other.enrolment === null && other.candidateHash === null;
}
