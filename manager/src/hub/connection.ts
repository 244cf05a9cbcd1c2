/** One live connection of an agent: a socket, or the lease that beats over HTTP hold. */

import type { NamedHost } from "../presence/host.ts";
import { type LiveStatus, leaseEnd, observed, type Transition } from "../presence/presence.ts";
import type { Close } from "../protocol/close.ts";
import type { Admission } from "../registry/admission.ts";
import { Budget } from "./budget.ts";
import { type ConnectionState, newState, parseState, type Terms } from "./connection-state.ts";
import { acknowledge, spend, type Totals } from "./credit.ts";

/** How stale the stored time of the last message may be: a hub woken from hibernation is off by no more. */
const TOUCH_EVERY_MS = 1000;

/** The sockets of a Durable Object. */
export type Sockets = Pick<
  DurableObjectState,
  "acceptWebSocket" | "getTags" | "getWebSockets" | "getWebSocketAutoResponseTimestamp"
>;

/**
 * How long a connection may take to register. Less than the 10 s of idleness after which the runtime hibernates the
 * hub.
 */
const REGISTER_WITHIN_MS = 8_000;

/** `WebSocket.OPEN`, which workerd calls otherwise than Node. */
const OPEN = 1;

export class Connection {
  readonly state: ConnectionState;
  /** Those of its welcome. */
  terms: Terms;
  /** What it may still send. */
  readonly budget: Budget;
  /** In memory only: a connection that does not register is closed before its hub may hibernate. */
  framesUnregistered = 0;
  /** Its registration waits for the registry. */
  isRegistering = false;
  readonly #socket: WebSocket | null;
  readonly #autoResponseAt: () => Date | null;
  #storedMessageAt: number;

  private constructor(
    state: ConnectionState,
    terms: Terms,
    socket: WebSocket | null,
    autoResponseAt: () => Date | null,
  ) {
    this.state = state;
    this.terms = state.terms ?? terms;
    this.budget = new Budget(this.terms);
    this.#socket = socket;
    this.#autoResponseAt = autoResponseAt;
    this.#storedMessageAt = state.lastMessageAt;
  }

  /** Accepts a socket for hibernation and stores its state with it. */
  static accept(sockets: Sockets, socket: WebSocket, terms: Terms, admission: Admission, id: string): Connection {
    sockets.acceptWebSocket(socket, [id]);
    const connection = Connection.#over(sockets, socket, terms, newState(id, admission, terms));
    connection.save();
    return connection;
  }

  /**
   * The connection of a socket that outlived the hub's memory.
   * @param terms hold if the connection's own were not kept
   */
  static wake(sockets: Sockets, socket: WebSocket, terms: Terms): Connection | "ended" | "unreadable" {
    const state = parseState(socket.deserializeAttachment());
    if (state === null) return "unreadable";
    return state.ended ? "ended" : Connection.#over(sockets, socket, terms, state);
  }

  /** The lease of an agent that beats over HTTP. */
  static overHttp(admission: Admission, terms: Terms): Connection {
    return Connection.restore(newState(httpConnectionId(admission.agentId), admission, terms), terms);
  }

  /** A connection as the hub's store remembers it: an HTTP lease, or a socket that is gone. */
  static restore(state: ConnectionState, terms: Terms): Connection {
    return new Connection(state, terms, null, () => null);
  }

  static #over(sockets: Sockets, socket: WebSocket, terms: Terms, state: ConnectionState): Connection {
    return new Connection(state, terms, socket, () => sockets.getWebSocketAutoResponseTimestamp(socket));
  }

  /** The id that this socket's connection was accepted with. */
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
    return this.#socket === null;
  }

  get isOpen(): boolean {
    return this.#socket === null || this.#socket.readyState === OPEN;
  }

  /** The last sign of life: a frame, a bare heartbeat that the runtime answered, or a beat over HTTP. */
  lastSeen(): number {
    const { connectedAt, lastMessageAt } = this.state;
    return Math.max(connectedAt, lastMessageAt, this.#autoResponseAt()?.getTime() ?? 0);
  }

  /** Until when it may stay silent. Beats do not excuse an agent from registering. */
  leaseEnd(): number {
    if (this.state.registered !== null) return leaseEnd(this.lastSeen(), this.terms);
    const { leaseMs } = this.terms;
    const patienceMs = this.isRegistering ? leaseMs : Math.min(leaseMs, REGISTER_WITHIN_MS);
    return this.state.connectedAt + patienceMs;
  }

  touch(now: number): void {
    this.state.lastMessageAt = now;
    if (now - this.#storedMessageAt >= TOUCH_EVERY_MS) this.save();
  }

  /** Sends a frame; a socket that has just died says so in its close event, not here. */
  send(frame: string): void {
    if (this.isOpen) this.#socket?.send(frame);
  }

  /** Sends a request of the manager's. The reply that it owes is free of its budget. */
  sendRequest(frame: string): void {
    this.budget.owe();
    this.send(frame);
  }

  /**
   * Delivers a fan-out frame of `bytes` if the subscriber may get so long a one and has room for it; else counts it as
   * dropped.
   */
  deliver(frame: string, bytes: number): boolean {
    const spent = bytes > this.terms.maxFrameBytes ? null : spend(this.state.credit, bytes);
    this.state.credit = spent ?? { ...this.state.credit, dropped: this.state.credit.dropped + 1 };
    if (spent !== null) this.send(frame);
    this.save();
    return spent !== null;
  }

  acknowledge(received: Totals): void {
    this.state.credit = acknowledge(this.state.credit, received);
    this.save();
  }

  /** The agent has been told of other terms. */
  renewTerms(terms: Terms): void {
    this.terms = terms;
    this.state.terms = terms;
  }

  save(): void {
    this.#socket?.serializeAttachment(this.state);
    this.#storedMessageAt = this.state.lastMessageAt;
  }

  /** Marks the connection as over and closes its socket. */
  end(close: Close): void {
    this.state.ended = true;
    this.save();
    this.#socket?.close(close.code, close.reason);
  }

  /** The agent has registered: from here it is online with this connection. */
  register(registered: NamedHost): Transition {
    this.state.registered = registered;
    this.save();
    return this.#arrival(registered);
  }

  /** The transition that it began with; null until the agent has registered. */
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

  /** Its agent's presence now; null until the agent has registered. */
  live(now: number): LiveStatus | null {
    const arrival = this.arrival();
    if (arrival === null) return null;
    const { rttMs, skewMs, droppedReplies, credit } = this.state;
    const live = { ...arrival, rttMs, skewMs, droppedReplies, droppedFrames: credit.dropped };
    return observed(live, this.lastSeen(), this.terms, now);
  }
}

/** An agent has at most one lease over HTTP. */
export function httpConnectionId(agentId: string): string {
  return `http-${agentId}`;
}
