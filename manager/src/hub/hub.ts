/** AgentHub: the Durable Object that holds the sockets of its share of the agents. Its handlers and RPC methods only. */
import { DurableObject } from "cloudflare:workers";
import { type Settings, settings } from "../config.ts";
import { type Log, log } from "../log.ts";
import type { CloneReport } from "../presence/clone.ts";
import { type LiveStatus, reasonOfClose } from "../presence/presence.ts";
import { mayTravel, protocolErrorCode } from "../protocol/close.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { byteLength, encode, HEARTBEAT, HEARTBEAT_ACK, PROTOCOL } from "../protocol/message.ts";
import type { Beat, BeatAck, Registered, Registration } from "../protocol/payloads.ts";
import type { Admission } from "../registry/admission.ts";
import { parseAdmission } from "../registry/admission-header.ts";
import { reportClone } from "../registry/clones.ts";
import { writeTransitions } from "../registry/transitions.ts";
import { Alarm } from "./alarm.ts";
import { Outbox } from "./outbox.ts";
import { hubName } from "./placement.ts";
import { enrolOrRotate } from "./registration.ts";
import { PendingRequests, tooLarge } from "./requests.ts";
import { Roster } from "./roster.ts";
import { Router } from "./router.ts";
import { separateHost } from "./separation.ts";
import { HubStore } from "./store.ts";
import { type Published, type SubscriptionStatus, Subscriptions, subscriptionStatus } from "./subscriptions.ts";
import { welcome } from "./welcome.ts";

/** Carries the admission from the Worker to its hub; a client's own header never gets there. */
export const ADMISSION_HEADER = "Zedops-Admission";

/** How long an agent may take to store the token that it is offered. */
const ROTATION_TIMEOUT_MS = 10_000;

export class AgentHub extends DurableObject<Env> {
  readonly #log: Log;
  readonly #settings: Settings;
  readonly #alarm: Alarm;
  readonly #outbox: Outbox;
  readonly #roster: Roster;
  readonly #requests: PendingRequests;
  readonly #subscriptions = new Subscriptions();
  readonly #router: Router;
  /** Registrations that wait for the registry, by connection. */
  readonly #registering = new Map<string, Promise<Outcome<Registered>>>();
  /** Agents whose second host is being separated: a second offer would replace the first on the host's disk. */
  readonly #separating = new Set<string>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { name } = ctx.id;
    const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work);
    const store = new HubStore(ctx.storage.sql);
    this.#log = log.with({ hub: name });
    this.#settings = settings(env);
    this.#alarm = new Alarm(ctx.storage, waitUntil);
    this.#requests = new PendingRequests(this.#settings.maxFrameBytes);
    this.#outbox = new Outbox({
      store,
      write: (transitions) => writeTransitions(env.DB, transitions),
      alarm: this.#alarm,
      waitUntil,
      onStale: (stale) => this.#roster.closeStale(stale),
      log: this.#log,
    });
    this.#roster = new Roster({
      settings: this.#settings,
      sockets: ctx,
      store,
      outbox: this.#outbox,
      alarm: this.#alarm,
      onRecovered: (connection) => this.#subscriptions.index(connection),
      onEnded: (connection) => {
        this.#subscriptions.drop(connection);
        this.#requests.disconnect(connection.id);
      },
      onClone: (agentId, report) => waitUntil(this.#reportClone(agentId, report)),
    });
    this.#router = new Router(this, this.#requests, this.#subscriptions, this.#settings.maxFrameBytes);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT, HEARTBEAT_ACK));
    ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load();
      this.#roster.recover((agentId) => name === undefined || name === hubName(agentId, this.#settings.hubShards));
      if (!this.#outbox.isEmpty) waitUntil(this.#outbox.flush());
    });
  }

  /** Opens an agent's socket, and only that: a WebSocket cannot cross RPC. */
  override fetch(request: Request): Response {
    const admission = parseAdmission(request.headers.get(ADMISSION_HEADER));
    const { 0: client, 1: server } = new WebSocketPair();
    const connection = this.#roster.accept(server, admission, admission.connectionId ?? "");
    const greeting = welcome(this.#settings, connection.id, this.#roster.expected);
    connection.send(encode("agent.welcome", { dataJson: JSON.stringify(greeting) }));
    return new Response(null, { status: 101, webSocket: client });
  }

  /**
   * `agent.register`: enrols the agent if it came with an enrolment, and makes its connection, or its HTTP lease, live. Asked
   * twice by one connection before the first answer, it gives both the same: two tokens would void one another.
   */
  async register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    const { connectionId } = admission;
    if (connectionId === null || registration.protocol !== PROTOCOL) return this.#register(admission, registration);
    const underway = this.#registering.get(connectionId) ?? this.#register(admission, registration);
    this.#registering.set(connectionId, underway);
    return underway.finally(() => this.#registering.delete(connectionId));
  }

  async #register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    const { agentId, connectionId } = admission;
    const before = connectionId === null ? null : (this.#roster.get(connectionId)?.state.registered ?? null);
    // Registering again tells nothing new, but still has to be in a protocol that both ends speak.
    if (before !== null && registration.protocol === PROTOCOL) {
      return { ok: true, value: { agentId, name: before.name } };
    }
    const identity = await enrolOrRotate(this.env, admission, registration);
    if (!identity.ok) return identity;
    const { registered, token } = identity.value;
    const arrived = this.#roster.arrive(admission, registered);
    if (!arrived.ok) return arrived;
    // The order stays in the registry until it is carried out: if this fails, the next registration tries again.
    if (admission.separate) this.ctx.waitUntil(this.separate(agentId, admission.bootId).catch(() => {}));
    return { ok: true, value: { agentId, name: registered.name, ...(token === undefined ? {} : { token }) } };
  }

  /** `agent.heartbeat` with data, or over HTTP: renews the lease and keeps what the agent measured. */
  async heartbeat(admission: Admission, beat: Beat): Promise<Outcome<BeatAck>> {
    // A socket that an enrolment token opened is the agent's once it has registered. Over HTTP that token only registers.
    if (admission.connectionId === null && admission.enrolment !== null) {
      return failure("not_registered", "register first, then beat with the agent's own token");
    }
    const now = Date.now();
    let connection = this.#roster.live(admission.agentId);
    if (connection === undefined) {
      if (admission.known === null) return failure("not_registered", "register first");
      const arrived = this.#roster.arrive({ ...admission, connectionId: null }, admission.known);
      if (!arrived.ok) return arrived;
      connection = arrived.value;
    }
    connection.state.rttMs = beat.rttMs ?? connection.state.rttMs;
    connection.state.skewMs = beat.skewMs ?? connection.state.skewMs;
    connection.state.lastMessageAt = now;
    connection.save();
    this.#roster.keep(connection);
    return { ok: true, value: { serverTime: now, leaseMs: this.#settings.leaseMs } };
  }

  /** `agent.status`: what this hub knows of one agent, or of all: those online, and those whose end D1 has not got yet. */
  async status(agentId?: string): Promise<LiveStatus[]> {
    return this.#roster.status(agentId);
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
   * Gives the host of this boot an identity of its own, if it is the connected one. Otherwise it gets one when it next is.
   * @returns the id of the new agent, or null when the host is not connected, or is being given one already
   */
  async separate(agentId: string, bootId: string): Promise<Outcome<string | null>> {
    if (this.#roster.live(agentId)?.bootId !== bootId || this.#separating.has(agentId)) {
      return { ok: true, value: null };
    }
    this.#separating.add(agentId);
    try {
      return await separateHost(this.env, agentId, (token) => this.rotate(agentId, token));
    } finally {
      this.#separating.delete(agentId);
    }
  }

  /** Sends a message to every connection here that subscribes to its subject; what a window has no room for is dropped. */
  async publish(subject: string, dataJson: string | undefined): Promise<Outcome<Published>> {
    const frame = encode(subject, dataJson === undefined ? {} : { dataJson });
    const bytes = byteLength(frame);
    if (bytes > this.#settings.maxFrameBytes) return tooLarge(this.#settings.maxFrameBytes);
    return { ok: true, value: this.#subscriptions.deliver(subject, frame, bytes) };
  }

  /** The live subscriptions of an agent; null when it is not connected. */
  async subscriptions(agentId: string): Promise<SubscriptionStatus | null> {
    const connection = this.#roster.live(agentId);
    return connection === undefined ? null : subscriptionStatus(connection);
  }

  /** Shuts out an agent that was removed or revoked: every connection of it is closed at once. */
  async disconnect(agentId: string): Promise<void> {
    this.#roster.shutOut(agentId);
  }

  /** Sends every socket away, to come back after a delay: see {@link Roster.drain}. */
  async drain(delayMs: number): Promise<number> {
    return this.#roster.drain(delayMs);
  }

  override async webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    const connection = this.#roster.by(socket);
    if (connection === undefined) return;
    const close = await this.#router.receive(connection, frame, Date.now());
    if (close !== null) this.#roster.depart(connection, { reason: "policy", close });
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    const connection = this.#roster.by(socket);
    if (connection !== undefined) {
      const reason = reasonOfClose(code);
      if (reason === "stopped") this.#roster.depart(connection, { reason, code });
      else this.#roster.lose(connection, { reason, code });
    }
    // Without an answer to its close frame the client would hang. Any number may have come, or none (1005).
    if (code !== 1006) socket.close(mayTravel(code) ? code : 1000);
  }

  override webSocketError(socket: WebSocket, error: unknown): void {
    const connection = this.#roster.by(socket);
    if (connection === undefined) return;
    const code = protocolErrorCode(error);
    if (code !== null) {
      // The runtime has closed the socket with this code.
      this.#roster.depart(connection, { reason: "policy", code });
      return;
    }
    this.#roster.lose(connection, { reason: "lost" });
    // Where the agent still hears the manager, it learns that it has to come back, and need not wait for that.
    socket.close(1011, "connection_lost");
  }

  /** Sweeps if a sweep is due, flushes the outbox, and sets the next alarm while there is anything to do. */
  override async alarm(): Promise<void> {
    this.#alarm.rang();
    // Sets the next alarm before it waits for D1: if this object ended meanwhile, none would ever ring again.
    this.#roster.sweepIfDue(Date.now());
    await this.#outbox.flush();
  }

  /** Sends a request to an agent over its socket and waits for the reply. */
  async #ask(agentId: string, subject: string, dataJson: string | undefined, timeoutMs: number) {
    const connection = this.#roster.live(agentId);
    if (connection === undefined || connection.overHttp) return failure("no_responders", "the agent is not connected");
    return this.#requests.ask(connection, subject, dataJson, timeoutMs);
  }

  /** Tells the registry of a clone. A report that is lost comes again when the two hosts next replace each other. */
  async #reportClone(agentId: string, report: CloneReport): Promise<void> {
    const addresses = { first: report.first.address, second: report.second.address };
    this.#log.warn("two live hosts share one identity", { agent: agentId, ...addresses });
    await reportClone(this.env.DB, agentId, report).catch(() => {});
  }
}
