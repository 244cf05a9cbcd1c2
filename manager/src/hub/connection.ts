/** One live connection of an agent: a socket, or an HTTP lease, which beats over HTTP renew. */

import type { NamedHost } from "../presence/host.ts";
import { type LiveStatus, lateAt, leaseEnd, observed, type Transition } from "../presence/presence.ts";
import type { Close } from "../protocol/close.ts";
import type { Admission } from "../registry/admission.ts";
import { Budget } from "./budget.ts";
import { type ConnectionState, newState, parseState, type Terms, termsWithoutVersion } from "./connection-state.ts";
import { acknowledge, spend, type Totals } from "./credit.ts";

/** The stored time of the last message may be this old, in milliseconds. A hub that wakes from hibernation reads it. */
const TOUCH_EVERY_MS = 1000;

/** The sockets of a Durable Object. */
export type Sockets = Pick<
  DurableObjectState,
  "acceptWebSocket" | "getTags" | "getWebSockets" | "getWebSocketAutoResponseTimestamp"
>;

/**
 * A connection must register within this time. It is less than 10 s: after 10 idle seconds the runtime hibernates the
 * hub.
 */
const REGISTER_WITHIN_MS = 8_000;

/** `WebSocket.OPEN`. workerd has another name for this constant than Node. */
export const OPEN = 1;

/**
 * Every agent's socket has its connection id as its first tag, this one, and one with the agent's id. Sockets that an
 * earlier release accepted have the first only.
 */
export const AGENT_TAG = "agent";

/** The tag of the sockets of one agent. */
export function agentTag(agentId: string): string {
  return `agent ${agentId}`;
}

/**
 * The tag of the sockets that an enrolment token for one host has opened; null for others. Each install id gives such a
 * token another agent id, so only this tag finds all its sockets.
 */
export function enrolmentTag({ enrolment }: Admission): string | null {
  return enrolment?.maxUses === 1 ? `enrolment ${enrolment.id}` : null;
}

/** The attachment of a socket that the hub has closed without reading its state. */
export const CLOSED = "closed";

/** A connection that the hub has ended. The client has not closed its end of the socket yet. */
export class ClosedConnection {
  readonly admission: Admission;

  constructor(admission: Admission) {
    this.admission = admission;
  }
}

export class Connection {
  readonly state: ConnectionState;
  /** The terms of its welcome. */
  terms: Terms;
  readonly budget: Budget;
  /**
   * Frames received before the registration. Kept in memory only: an unregistered connection is closed before the hub
   * hibernates.
   */
  framesUnregistered = 0;
  /** When it was last told that it sends too much; Unix milliseconds. Kept in memory only, like the budget. */
  toldRefusedAt = 0;
  /** Whether its registration waits for the registry. */
  isRegistering = false;
  /** Null for an HTTP lease, and for a connection whose socket is gone. */
  readonly socket: WebSocket | null;
  /** The sockets of its hub. Null if this connection has none. */
  readonly #sockets: Sockets | null;
  #storedMessageAt: number;

  private constructor(state: ConnectionState, terms: Terms, socket: WebSocket | null, sockets: Sockets | null) {
    this.state = state;
    this.terms = state.terms ?? termsWithoutVersion(terms);
    this.budget = new Budget(this.terms);
    this.socket = socket;
    this.#sockets = sockets;
    this.#storedMessageAt = state.lastMessageAt;
  }

  /** Accepts a socket for hibernation. The roster saves the connection when it has given the agent its beats. */
  static accept(sockets: Sockets, socket: WebSocket, terms: Terms, admission: Admission, id: string): Connection {
    const ofEnrolment = enrolmentTag(admission);
    sockets.acceptWebSocket(socket, [
      ...[id, AGENT_TAG, agentTag(admission.agentId)],
      ...(ofEnrolment === null ? [] : [ofEnrolment]),
    ]);
    return new Connection(newState(id, admission, terms), terms, socket, sockets);
  }

  /**
   * The connection of a socket that outlived the hub's memory.
   * @param terms used if the connection's own terms were not stored
   */
  static wake(
    sockets: Sockets,
    socket: WebSocket,
    terms: Terms,
  ): Connection | ClosedConnection | "closed" | "unreadable" {
    const attachment: unknown = socket.deserializeAttachment();
    if (attachment === CLOSED) return "closed";
    const state = parseState(attachment);
    if (state === null) return "unreadable";
    return state.ended ? new ClosedConnection(state.admission) : new Connection(state, terms, socket, sockets);
  }

  /** The lease of an agent that beats over HTTP. */
  static overHttp(admission: Admission, terms: Terms): Connection {
    return Connection.restore(newState(httpConnectionId(admission.agentId), admission, terms), terms);
  }

  /** A connection from the hub's store, without a socket: an HTTP lease, or a connection whose socket is gone. */
  static restore(state: ConnectionState, terms: Terms): Connection {
    return new Connection(state, terms, null, null);
  }

  /** The id of the socket's connection. */
  static idOf(sockets: Sockets, socket: WebSocket): string {
    return sockets.getTags(socket)[0] ?? "";
  }

  get id(): string {
    return this.state.id;
  }

  get agentId(): string {
    return this.state.admission.agentId;
  }

  get bootId(): string {
    return this.state.admission.bootId;
  }

  get generation(): number {
    return this.state.admission.generation;
  }

  get overHttp(): boolean {
    return this.socket === null;
  }

  get isOpen(): boolean {
    return this.socket === null || this.socket.readyState === OPEN;
  }

  /** When the runtime answered the last bare heartbeat; null if it has answered none. */
  lastBeat(): number | null {
    if (this.socket === null) return null;
    return this.#sockets?.getWebSocketAutoResponseTimestamp(this.socket)?.getTime() ?? null;
  }

  /** The last sign of life: a frame, a bare heartbeat that the runtime answered, or a beat over HTTP. */
  lastSeen(): number {
    const { connectedAt, lastMessageAt } = this.state;
    return Math.max(connectedAt, lastMessageAt, this.lastBeat() ?? 0);
  }

  /** When the connection's lease ends. Before the registration, beats do not renew it. */
  leaseEnd(): number {
    if (this.state.registered !== null) return leaseEnd(this.lastSeen(), this.terms);
    const { leaseMs } = this.terms;
    const patienceMs = this.isRegistering ? leaseMs : Math.min(leaseMs, REGISTER_WITHIN_MS);
    return this.state.connectedAt + patienceMs;
  }

  /** When the agent counts as late. */
  lateAt(): number {
    return lateAt(this.lastSeen(), this.terms);
  }

  touch(now: number): void {
    this.state.lastMessageAt = now;
    if (now - this.#storedMessageAt >= TOUCH_EVERY_MS) this.save();
  }

  /** Sends a frame. If the socket has just died, nothing is thrown here; its close event follows. */
  send(frame: string): void {
    if (this.isOpen) this.socket?.send(frame);
  }

  /** Sends a request to the agent. The reply does not count against the agent's budget. */
  sendRequest(frame: string): void {
    this.budget.allowFreeReply();
    this.send(frame);
  }

  /**
   * Sends a fan-out frame of `bytes` if it fits into the subscriber's frame limit and credit window. Otherwise counts
   * it as dropped.
   * The caller saves the new totals before the hub may hibernate.
   */
  deliver(frame: string, bytes: number): boolean {
    const spent = bytes > this.terms.maxFrameBytes ? null : spend(this.state.credit, bytes);
    this.state.credit = spent ?? { ...this.state.credit, dropped: this.state.credit.dropped + 1 };
    if (spent !== null) this.send(frame);
    return spent !== null;
  }

  acknowledge(received: Totals): void {
    this.state.credit = acknowledge(this.state.credit, received);
    this.save();
  }

  /** Call this when the agent has been told new terms. */
  renewTerms(terms: Terms): void {
    this.terms = terms;
    this.state.terms = terms;
  }

  save(): void {
    this.socket?.serializeAttachment(this.state);
    this.#storedMessageAt = this.state.lastMessageAt;
  }

  /**
   * Marks the connection as ended, and closes its socket unless `close` is null. Returns the socket if the client still
   * has to close its end.
   */
  end(close: Close | null): WebSocket | null {
    const wasOpen = this.isOpen;
    this.state.ended = true;
    this.save();
    if (close === null) return null;
    this.socket?.close(close.code, close.reason);
    return wasOpen ? this.socket : null;
  }

  /** The registry, or the outbox, has the beginning of the connection. */
  storedArrival(): void {
    this.state.arrivalStored = true;
    this.save();
  }

  /** Marks the agent as registered: from now on it is online with this connection. */
  register(registered: NamedHost, aligns: boolean): Transition {
    this.state.registered = registered;
    this.state.isAligned = aligns;
    this.save();
    return this.#arrival(registered);
  }

  /** The transition to online that began this connection; null until the agent has registered. */
  arrival(): Transition | null {
    return this.state.registered && this.#arrival(this.state.registered);
  }

  #arrival({ host }: NamedHost): Transition {
    const { admission, connectedAt } = this.state;
    return {
      agentId: admission.agentId,
      generation: admission.generation,
      status: "online",
      reason: null,
      since: connectedAt,
      lastSeen: connectedAt,
      connectedAt,
      address: admission.address,
      host,
      closeCode: null,
    };
  }

  /** The agent's presence at `now`; null until the agent has registered. */
  live(now: number): LiveStatus | null {
    const arrival = this.arrival();
    if (arrival === null) return null;
    const { rttMs, skewMs, droppedReplies, credit } = this.state;
    const live = { ...arrival, rttMs, skewMs, droppedReplies, droppedFrames: credit.dropped };
    const seen = observed(live, this.lastSeen(), this.terms, now);
    return seen.status === "online" ? { ...seen, lastSeen: this.#storedLastSeen() } : seen;
  }

  /**
   * The last sign of life that outlives the hub's memory. Others are told this one: if it went back after hibernation,
   * clients of the feed would take a late agent's presence for an old one.
   */
  #storedLastSeen(): number {
    return Math.max(this.state.connectedAt, this.#storedMessageAt, this.lastBeat() ?? 0);
  }
}

/** An agent has at most one lease over HTTP. */
export function httpConnectionId(agentId: string): string {
  return `http-${agentId}`;
}
