/** AgentHub: the Durable Object that holds the sockets of its share of the agents. Life cycle and RPC surface only. */
import { DurableObject } from "cloudflare:workers";
import { type Settings, settings } from "../config.ts";
import { ended, type LiveStatus, type OfflineReason, reasonOfClose, type Transition } from "../presence/presence.ts";
import { Close, mayTravel } from "../protocol/close.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import {
  type BadFrame,
  byteLength,
  decode,
  encode,
  exceedsBytes,
  HEARTBEAT,
  HEARTBEAT_ACK,
  PROTOCOL,
} from "../protocol/message.ts";
import type { Beat, BeatAck, Registered, Registration } from "../protocol/payloads.ts";
import { inbox, isInbox } from "../protocol/subject.ts";
import type { Admission } from "../registry/admission.ts";
import { reportClone } from "../registry/clones.ts";
import type { Unwanted } from "../registry/presence.ts";
import { type CloneReport, displace } from "./clones.ts";
import { Connection, type RegisteredHost } from "./connection.ts";
import { Connections } from "./connections.ts";
import { type Totals, unacknowledged } from "./credit.ts";
import { Outbox } from "./outbox.ts";
import { identify } from "./registration.ts";
import { PendingRequests } from "./requests.ts";
import { Router } from "./router.ts";
import { splitOff } from "./separation.ts";
import { hubName } from "./shards.ts";
import { HubStore } from "./store.ts";
import { Subscriptions } from "./subscriptions.ts";
import { reconnectSpreadMs, welcome } from "./welcome.ts";

/** The Worker's word to its hub about who is connecting; never passed on from a client. */
export const ADMISSION_HEADER = "Zedops-Admission";

/** At most one sweep in this time. */
const SWEEP_GAP_MS = 10_000;
/** How long until a failed flush is tried again. */
const FLUSH_RETRY_MS = 5_000;
/** Bad frames that a connection may send before it is closed. */
const MAX_BAD_FRAMES = 32;
/** How long an agent may take to store the token that it is offered. */
const ROTATION_TIMEOUT_MS = 10_000;

/** What became of a published message, in one hub or in all. */
export interface Published {
  /** Subscribers that it was sent to. */
  readonly delivered: number;
  /** Subscribers whose credit window had no room for it. */
  readonly dropped: number;
}

/** What an agent's connection subscribes to, and how far its subscriber is behind. */
export interface SubscriptionStatus {
  readonly patterns: readonly string[];
  readonly delivered: number;
  readonly dropped: number;
  readonly unacknowledged: Totals;
}

/** How a connection ended. */
interface Departure {
  readonly reason: OfflineReason;
  /** The hub closes the socket with this. */
  readonly close?: Close;
  /** The socket was closed with this. */
  readonly code?: number;
  /** Since when the agent is offline by it; now by default. */
  readonly since?: number;
  readonly lastSeen?: number;
}

export class AgentHub extends DurableObject<Env> {
  readonly #settings: Settings;
  readonly #store: HubStore;
  readonly #outbox: Outbox;
  readonly #requests = new PendingRequests();
  readonly #subscriptions = new Subscriptions();
  readonly #router: Router;
  readonly #connections = new Connections();
  /** Agents that an identity is being split off from: a second offer would replace the first on the host's disk. */
  readonly #separating = new Set<string>();
  /** How many connections this object believed in when it woke: agents that are on their way back come together, too. */
  #believed = 0;
  #alarmAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#settings = settings(env);
    this.#store = new HubStore(ctx.storage.sql);
    this.#outbox = new Outbox(this.#store, env.DB, (unwanted) => this.#dismiss(unwanted));
    this.#router = new Router(this, this.#requests, this.#subscriptions, this.#settings.maxFrameBytes);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT, HEARTBEAT_ACK));
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = await ctx.storage.getAlarm();
      this.#wake();
    });
  }

  /** Opens an agent's socket, and only that: a WebSocket cannot cross RPC. */
  override fetch(request: Request): Response {
    const admission = JSON.parse(request.headers.get(ADMISSION_HEADER) ?? "") as Admission;
    const { 0: client, 1: server } = new WebSocketPair();
    const id = admission.connectionId ?? "";
    const connection = Connection.accept(this.ctx, server, this.#settings, admission, id);
    this.#connections.add(connection);
    this.#alarmBy(connection.leaseEnd(this.#settings));
    const greeting = welcome(this.#settings, id, Math.max(this.#connections.size, this.#believed));
    connection.send(encode("agent.welcome", { dataJson: JSON.stringify(greeting) }));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** `agent.register`: enrols the agent if it came with an enrolment, and makes its connection, or its HTTP lease, live. */
  async register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    const { agentId, connectionId } = admission;
    const before = connectionId === null ? null : (this.#connections.get(connectionId)?.state.registered ?? null);
    // Registering again tells nothing new, but still has to be in a protocol that both ends speak.
    if (before !== null && registration.protocol === PROTOCOL)
      return { ok: true, value: { agentId, name: before.name } };
    const identity = await identify(this.env, admission, registration);
    if (!identity.ok) return identity;
    const { host, token } = identity.value;
    const arrived = this.#arrive(admission, host);
    if (!arrived.ok) return arrived;
    // The order stands in the registry until it is carried out: a fault now only puts it off.
    if (admission.separate) this.ctx.waitUntil(this.separate(agentId, admission.bootId).catch(() => {}));
    return { ok: true, value: { agentId, name: host.name, ...(token === undefined ? {} : { token }) } };
  }

  /** `agent.heartbeat` with data, or over HTTP: renews the lease and keeps what the agent measured. */
  async heartbeat(admission: Admission, beat: Beat): Promise<Outcome<BeatAck>> {
    // A socket that an enrolment opened is the agent's once it has registered; the enrolment token by itself never is.
    if (admission.connectionId === null && admission.enrolment !== null) {
      return failure("not_registered", "register first, then beat with the agent's own token");
    }
    const now = Date.now();
    let connection = this.#live(admission.agentId);
    if (connection === undefined) {
      if (admission.known === null) return failure("not_registered", "register first");
      const arrived = this.#arrive({ ...admission, connectionId: null }, admission.known);
      if (!arrived.ok) return arrived;
      connection = arrived.value;
    }
    connection.state.rttMs = beat.rttMs ?? connection.state.rttMs;
    connection.state.skewMs = beat.skewMs ?? connection.state.skewMs;
    connection.state.lastMessageAt = now;
    connection.save();
    if (connection.overHttp) this.#store.putConnection(connection.state);
    return { ok: true, value: { serverTime: now, leaseMs: this.#settings.leaseMs } };
  }

  /** `agent.status`: what this hub knows of one agent, or of all: those online, and those whose end D1 has not got yet. */
  async status(agentId?: string): Promise<LiveStatus[]> {
    const now = Date.now();
    // An alarm that was lost would leave leases to run out unswept; whoever looks at them sees to it that one rings.
    if (this.#alarmAt === null && this.#connections.size > 0) this.#alarmBy(now + SWEEP_GAP_MS);
    const known = new Map<string, LiveStatus>();
    for (const connection of agentId === undefined ? this.#connections.all() : this.#connections.of(agentId)) {
      const live = connection.live(this.#settings, now);
      if (live !== null) known.set(connection.agentId, live);
    }
    // The outbox is long when D1 has been down: an agent that asks after itself must not have the hub read all of it.
    if (agentId !== undefined && known.size > 0) return [...known.values()];
    for (const [id, transition] of this.#outbox.pending()) {
      if (known.has(id) || (agentId !== undefined && id !== agentId)) continue;
      known.set(id, { ...transition, rttMs: null, skewMs: null, droppedReplies: 0, droppedFrames: 0 });
    }
    return [...known.values()];
  }

  /**
   * Sends a request to an agent and waits for its reply.
   * @param dataJson the payload as JSON text, because RPC has no type for arbitrary JSON; undefined for none
   * @returns the reply's data as JSON text
   */
  async request(
    agentId: string,
    subject: string,
    dataJson: string | undefined,
    timeoutMs: number,
  ): Promise<Outcome<string | undefined>> {
    const reply = await this.#ask(agentId, subject, dataJson, timeoutMs);
    if (!reply.ok) return reply;
    return { ok: true, value: reply.value === undefined ? undefined : JSON.stringify(reply.value) };
  }

  /** `agent.rotate`: offers an agent a new token; ok once the agent has it on disk. */
  async rotate(agentId: string, token: string): Promise<Outcome<null>> {
    const reply = await this.#ask(agentId, "agent.rotate", JSON.stringify({ token }), ROTATION_TIMEOUT_MS);
    return reply.ok ? { ok: true, value: null } : reply;
  }

  /**
   * Gives the host of this boot an identity of its own, if it is the one that is connected; else it gets it when it next is.
   * @returns the id of the new agent, or null when the host is not connected, or is being given one already
   */
  async separate(agentId: string, bootId: string): Promise<Outcome<string | null>> {
    if (this.#live(agentId)?.bootId !== bootId || this.#separating.has(agentId)) return { ok: true, value: null };
    this.#separating.add(agentId);
    try {
      return await splitOff(this.env, agentId, (token) => this.rotate(agentId, token));
    } finally {
      this.#separating.delete(agentId);
    }
  }

  /** Tells the registry of a clone; a sighting that is lost comes again with the next turn of the two. */
  async #reportClone(agentId: string, report: CloneReport): Promise<void> {
    console.warn("two live hosts share one identity", agentId, report.first.address, report.second.address);
    await reportClone(this.env.DB, agentId, report).catch(() => {});
  }

  /** Sends a request to an agent over its socket and waits for the reply. */
  async #ask(
    agentId: string,
    subject: string,
    dataJson: string | undefined,
    timeoutMs: number,
  ): Promise<Outcome<unknown>> {
    const connection = this.#live(agentId);
    if (connection === undefined || connection.overHttp) return failure("no_responders", "the agent is not connected");
    const { token, outcome } = this.#requests.open(connection.id, timeoutMs);
    const frame = encode(subject, {
      reply: inbox(connection.id, token),
      ...(dataJson === undefined ? {} : { dataJson }),
    });
    if (exceedsBytes(frame, this.#settings.maxFrameBytes)) {
      this.#requests.settle(connection.id, token, this.#tooLarge());
    } else {
      connection.budget.owe();
      connection.send(frame);
    }
    return outcome;
  }

  /** Requests of operators that wait for an agent of this hub. */
  get pendingRequests(): number {
    return this.#requests.size;
  }

  /** Sends a message to every connection here that subscribes to its subject; what a window has no room for is dropped. */
  async publish(subject: string, dataJson: string | undefined): Promise<Outcome<Published>> {
    const frame = encode(subject, dataJson === undefined ? {} : { dataJson });
    const bytes = byteLength(frame);
    if (bytes > this.#settings.maxFrameBytes) return this.#tooLarge();
    const published = { delivered: 0, dropped: 0 };
    for (const connection of this.#subscriptions.matching(subject)) {
      published[connection.deliver(frame, bytes) ? "delivered" : "dropped"]++;
    }
    return { ok: true, value: published };
  }

  /** The live subscriptions of an agent; null when it is not connected. */
  async subscriptions(agentId: string): Promise<SubscriptionStatus | null> {
    const connection = this.#live(agentId);
    if (connection === undefined) return null;
    const { patterns, credit } = connection.state;
    return {
      patterns,
      delivered: credit.delivered.frames,
      dropped: credit.dropped,
      unacknowledged: unacknowledged(credit),
    };
  }

  /** Shuts out an agent that was removed or revoked: every connection of it is closed at once. */
  async disconnect(agentId: string): Promise<void> {
    this.#shutOut(agentId);
  }

  /**
   * Sends every socket away, each to come back after a delay of its own: spread evenly, beginning with `delayMs`. Leases over
   * HTTP are left alone.
   * @returns how many connected agents there were
   */
  async drain(delayMs: number): Promise<number> {
    const sockets = this.#connections.all().filter((connection) => !connection.overHttp);
    const spreadMs = reconnectSpreadMs(sockets.length);
    let drained = 0;
    for (const [place, connection] of sockets.entries()) {
      const data = { delayMs: Math.round(delayMs + (spreadMs * place) / sockets.length) };
      connection.send(encode("agent.reconnect", { dataJson: JSON.stringify(data) }));
      if (connection.state.registered !== null) drained++;
      this.#depart(connection, { reason: "manager_restart", close: Close.goingAway });
    }
    return drained;
  }

  override async webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    const connection = this.#connections.get(Connection.idOf(this.ctx, socket));
    if (connection === undefined) return;
    const now = Date.now();
    connection.touch(now);
    const decoded = decode(frame, this.#settings.maxFrameBytes);
    // As many replies as it was asked for are free: an agent that only answers never runs out of budget.
    if (decoded.ok && isInbox(decoded.message.subject) && connection.budget.settle()) {
      return this.#router.deliver(connection, decoded.message);
    }
    const budget = connection.budget.take(byteLength(frame), now);
    if (budget === "exhausted") return this.#depart(connection, { reason: "policy", close: Close.rateLimited });
    if (!decoded.ok) return this.#bad(connection, decoded);
    if (budget === "refused") {
      const refusal = failure("rate_limited", "this connection sends more than it may");
      return this.#router.answer(connection, decoded.message, refusal);
    }
    const close = await this.#router.route(connection, decoded.message);
    if (close !== null) this.#depart(connection, { reason: "policy", close });
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    const connection = this.#connections.get(Connection.idOf(this.ctx, socket));
    if (connection !== undefined) {
      const reason = reasonOfClose(code);
      if (reason === "stopped") this.#depart(connection, { reason, code });
      else this.#lose(connection, { reason, code });
    }
    // Without an answer to its close frame the client would hang. Any number may have come, or none (1005).
    if (code !== 1006) socket.close(mayTravel(code) ? code : 1000);
  }

  override webSocketError(socket: WebSocket): void {
    const connection = this.#connections.get(Connection.idOf(this.ctx, socket));
    if (connection !== undefined) this.#lose(connection, { reason: "lost", close: Close.policyViolation });
  }

  /** Sweeps when one is due, flushes what is left, and sets the next alarm while there is anything to do. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const now = Date.now();
    const gap = Math.min(SWEEP_GAP_MS, this.#settings.leaseMs / 4);
    if (now >= this.#store.sweptAt + gap) this.#sweep(now);
    // Set before D1 is waited for: no alarm rings while this one runs, and none would ever after if it were cut short.
    if (this.#connections.size > 0) {
      const ends = this.#connections.all().map((connection) => connection.leaseEnd(this.#settings));
      this.#alarmBy(Math.max(this.#store.sweptAt + gap, Math.min(...ends)));
    }
    await this.#flush();
  }

  /** Ends the leases that have run out, and notes until when the others were seen. */
  #sweep(now: number): void {
    for (const connection of this.#connections.all()) {
      const leaseEnd = connection.leaseEnd(this.#settings);
      if (leaseEnd <= now) {
        this.#depart(connection, { reason: "lease_expired", close: Close.leaseExpired, since: leaseEnd });
      }
    }
    this.#store.sweptAt = now;
  }

  /** Flushes the outbox; what D1 would not take is tried again at an alarm. */
  async #flush(): Promise<void> {
    // What came in the very moment that a flush ended would else wait for the alarm.
    do await this.#outbox.flush();
    while (!this.#outbox.isEmpty && !this.#outbox.isFailing);
    if (!this.#outbox.isEmpty) this.#alarmBy(Date.now() + FLUSH_RETRY_MS);
  }

  /** Takes up the connections that outlived this object's memory, and records the end of those that did not. */
  #wake(): void {
    const believed = new Map(this.#store.connections().map((state) => [state.id, state]));
    this.#believed = believed.size;
    for (const socket of this.ctx.getWebSockets()) {
      const connection = Connection.wake(this.ctx, socket, this.#settings);
      if (connection === null) continue;
      believed.delete(connection.id);
      this.#connections.add(connection);
      this.#subscriptions.index(connection);
      // HUB_SHARDS has changed: the agent comes back by itself, to the hub that is now its own.
      const own = hubName(connection.agentId, this.#settings.hubShards);
      if (this.ctx.id.name !== undefined && this.ctx.id.name !== own) {
        this.#depart(connection, { reason: "manager_restart", close: Close.goingAway });
      }
    }
    const { sweptAt } = this.#store;
    for (const state of believed.values()) {
      const connection = Connection.restore(state, this.#settings);
      if (state.admission.connectionId === null) {
        this.#connections.add(connection);
        continue;
      }
      // Nobody was there to see when it broke; this is the last that is known of it.
      const lastSeen = Math.max(connection.lastSeen(), sweptAt);
      this.#depart(connection, { reason: "manager_restart", lastSeen, since: lastSeen });
    }
    if (!this.#outbox.isEmpty) this.ctx.waitUntil(this.#flush());
  }

  /** The agent is online with this connection: older ones of it go, the transition is on its way. */
  #arrive(admission: Admission, registered: RegisteredHost): Outcome<Connection> {
    const connection =
      admission.connectionId === null
        ? Connection.overHttp(admission, this.#settings)
        : this.#connections.get(admission.connectionId);
    if (connection?.isOpen !== true) return failure("disconnected", "the connection was lost");
    for (const other of this.#connections.of(admission.agentId)) {
      if (other === connection) continue;
      if (other.state.registered === null) {
        if (voids(admission, other.state.admission)) this.#drop(other, Close.goingAway);
        continue;
      }
      if (other.generation >= connection.generation) {
        // Both came at once, and the other was admitted later, or was first to register.
        if (!connection.overHttp) this.#drop(connection, Close.goingAway);
        return failure("disconnected", "a newer connection of this agent is there");
      }
      const now = Date.now();
      const clone = displace(this.#store, other, connection, now);
      if (clone !== null) this.ctx.waitUntil(this.#reportClone(connection.agentId, clone));
      this.#lose(other, { reason: "replaced", close: Close.replaced });
    }
    const arrival = connection.register(registered);
    this.#connections.add(connection);
    this.#store.putConnection(connection.state);
    this.#record(arrival);
    this.#alarmBy(connection.leaseEnd(this.#settings));
    return { ok: true, value: connection };
  }

  /** The connection is over without a word of its agent's; after its lease, as readers have been told since that ran out. */
  #lose(connection: Connection, departure: Departure): void {
    const leaseEnd = connection.leaseEnd(this.#settings);
    const expired = leaseEnd <= Date.now();
    this.#depart(connection, expired ? { ...departure, reason: "lease_expired", since: leaseEnd } : departure);
  }

  /** The connection is over: who waits on it hears so, and the transition is on its way. */
  #depart(connection: Connection, { reason, close, code, since, lastSeen }: Departure): void {
    const seen = lastSeen ?? connection.lastSeen();
    this.#drop(connection, close ?? null);
    const arrival = connection.arrival();
    if (arrival === null) return;
    this.#record({ ...ended(arrival, reason, seen, since ?? Date.now()), closeCode: close?.code ?? code ?? null });
  }

  #drop(connection: Connection, close: Close | null): void {
    this.#connections.delete(connection);
    this.#subscriptions.drop(connection);
    this.#store.deleteConnection(connection.id);
    if (close !== null) connection.end(close);
    this.#requests.disconnect(connection.id);
  }

  /** Stores a transition, then sends it on its way; an alarm stands by should this object not live to see it there. */
  #record(transition: Transition): void {
    this.#store.append(transition);
    if (this.#alarmAt === null) this.#alarmBy(Date.now() + FLUSH_RETRY_MS);
    if (!this.#outbox.isFailing) this.ctx.waitUntil(this.#flush());
  }

  #shutOut(agentId: string): void {
    for (const connection of this.#connections.of(agentId)) {
      this.#depart(connection, { reason: "revoked", close: Close.revoked });
    }
  }

  /** Ends what the registry does not want: all of a barred agent, or one connection, which comes back as the newest. */
  #dismiss({ agentId, generation, barred }: Unwanted): void {
    if (barred === 1) this.#shutOut(agentId);
    const overtaken = this.#connections.of(agentId).filter((connection) => connection.generation === generation);
    for (const connection of overtaken) this.#depart(connection, { reason: "replaced", close: Close.goingAway });
  }

  #bad(connection: Connection, frame: BadFrame): void {
    connection.send(encode(frame.reply ?? "agent.error", { error: frame.error }));
    if (++connection.state.badFrames >= MAX_BAD_FRAMES) {
      this.#depart(connection, { reason: "policy", close: Close.policyViolation });
    }
  }

  /** The connection that the agent is online with, if its lease still runs. */
  #live(agentId: string): Connection | undefined {
    const now = Date.now();
    return this.#connections
      .of(agentId)
      .find((connection) => connection.live(this.#settings, now)?.status === "online");
  }

  #tooLarge() {
    return failure("payload_too_large", `the message exceeds a frame's ${this.#settings.maxFrameBytes} bytes`);
  }

  /** Makes sure that an alarm rings by `at` (Unix milliseconds). */
  #alarmBy(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(at));
  }
}

/** Whether the token that this admission got its agent voided the one that `other` was admitted with. */
function voids(admission: Admission, other: Admission): boolean {
  const replaced = admission.enrolment !== null || admission.candidateHash !== null;
  // The others are held against the registry once more when they register.
  return replaced && other.enrolment === null && other.candidateHash === null;
}
