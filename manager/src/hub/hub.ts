/**
 * AgentHub: the Durable Object that holds the sockets of its agents. This file has only its event handlers and RPC
 * methods.
 */
import { DurableObject } from "cloudflare:workers";
import { type Settings, settings, VERSION } from "../config.ts";
import { log } from "../log.ts";
import { type LiveStatus, reasonOfClose } from "../presence/presence.ts";
import { flappingUntil } from "../presence/timeline.ts";
import { mayTravel, protocolErrorCode } from "../protocol/close.ts";
import { failure, INTERNAL, type Outcome } from "../protocol/errors.ts";
import { byteLength, encode, HEARTBEAT, HEARTBEAT_ACK } from "../protocol/message.ts";
import type { Beat, BeatAck, Registered, Registration } from "../protocol/payloads.ts";
import type { Admission } from "../registry/admission.ts";
import { parseAdmission } from "../registry/admission-header.ts";
import { recordedAgentJson } from "../registry/agent-json.ts";
import { findAgent } from "../registry/agents.ts";
import { sessionEnd } from "../registry/sessions.ts";
import { writeReport, writeTransitions } from "../registry/transitions.ts";
import { parseViewer, passwordHash } from "../registry/viewer-header.ts";
import { Alarm } from "./alarm.ts";
import { Feed, VIEWER_TAG } from "./feed.ts";
import { Guard } from "./guard.ts";
import { heartbeat } from "./heartbeat.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";
import { Outbox, type ParkedTransition } from "./outbox.ts";
import { hubName } from "./placement.ts";
import { recover } from "./recovery.ts";
import { Registrations } from "./registration.ts";
import { PendingRequests, tooLarge } from "./requests.ts";
import { Retirement } from "./retirement.ts";
import { Roster } from "./roster.ts";
import { Router } from "./router.ts";
import { Separations } from "./separation.ts";
import { HubStore } from "./store.ts";
import { type Published, type SubscriptionStatus, Subscriptions, subscriptionStatus } from "./subscriptions.ts";
import { Sweeper } from "./sweeper.ts";
import { upgrade } from "./upgrade.ts";

/** The header with which the Worker sends the admission to the hub. A header of the client never reaches the hub. */
export const ADMISSION_HEADER = "Zedops-Admission";
/** The same for a viewer of the live feed. */
export const VIEWER_HEADER = "Zedops-Viewer";

/** After this time the alarm rings again if a fault prevented the setting of the next alarm. */
const AFTER_FAULT_MS = 10_000;
/** How long an agent may take to store an offered token. */
const ROTATION_TIMEOUT_MS = 10_000;

export class AgentHub extends DurableObject<Env> {
  readonly #guard: Guard;
  readonly #settings: Settings;
  readonly #store: HubStore;
  readonly #window: HeartbeatWindow;
  readonly #alarm: Alarm;
  readonly #outbox: Outbox;
  readonly #roster: Roster;
  readonly #sweeper: Sweeper;
  readonly #requests: PendingRequests;
  readonly #subscriptions = new Subscriptions();
  readonly #registrations: Registrations;
  readonly #separations: Separations;
  readonly #router: Router;
  readonly #retirement: Retirement;
  readonly #feed: Feed;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // The runtime knows the name of every hub that the Worker calls. Without it the hub cannot tell which agents are its own.
    const isNamed = ctx.id.name !== undefined;
    const name = ctx.id.name ?? "unnamed";
    const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work);
    const hubLog = log.with({ hub: name });
    this.#guard = new Guard(hubLog, (socket) => (this.#feed.owns(socket) ? undefined : this.#roster.bySocket(socket)));
    this.#settings = settings(env);
    const store = new HubStore(ctx.storage.sql, hubLog);
    this.#store = store;
    this.#window = new HeartbeatWindow(name, this.#settings.heartbeatIntervalMs);
    this.#alarm = new Alarm(ctx.storage, waitUntil);
    this.#requests = new PendingRequests();
    this.#outbox = new Outbox({
      store,
      write: (transitions) => writeTransitions(env.DB, name, transitions),
      writeReport: () => writeReport(env.DB, name, store.parkedCount, Date.now()),
      alarm: this.#alarm,
      waitUntil,
      onStale: (stale) => this.#roster.closeStale(stale),
      onArrivalStored: (connectionId) => this.#roster.storedArrival(connectionId),
      onBurst: (agentId, burstAt) => {
        const until = flappingUntil(burstAt, Date.now());
        if (until === null) return;
        this.#guard.attempt("feed", () => this.#feed.registry(agentId, { change: "flapping", flappingUntil: until }));
      },
      log: hubLog,
    });
    this.#roster = new Roster({
      settings: this.#settings,
      window: this.#window,
      sockets: ctx,
      store,
      outbox: this.#outbox,
      alarm: this.#alarm,
      onArrived: (connection) => this.#sweeper.watch(connection, Date.now()),
      onRecovered: (connection) => this.#subscriptions.index(connection),
      onPresence: (live) => this.#guard.attempt("feed", () => this.#feed.presence(live)),
      onEnded: (connection) => {
        this.#subscriptions.drop(connection);
        this.#requests.disconnect(connection.id);
      },
      onClone: (agentId, report) => waitUntil(this.#separations.report(agentId, report)),
    });
    const recovery = { settings: this.#settings, sockets: ctx, store, roster: this.#roster };
    this.#sweeper = new Sweeper({ ...recovery, window: this.#window, alarm: this.#alarm });
    this.#feed = new Feed({
      settings: this.#settings,
      version: VERSION,
      window: this.#window,
      sockets: ctx,
      sessionEnd: (idHash) => sessionEnd(env.DB, idHash, Date.now()),
      passwordHash: () => passwordHash(env),
    });
    this.#registrations = new Registrations(env, this.#roster, {
      onEnrolled: (agentId) => waitUntil(this.#announceOwn(agentId, "enrolled")),
      onSecondHost: ({ agentId, bootId }) => {
        // The order stays in the registry until it is done. If this attempt fails, the next registration tries again.
        waitUntil(this.separate(agentId, bootId).catch(() => {}));
      },
    });
    this.#separations = new Separations(env, this.#roster, hubLog, (agentId, change) => {
      waitUntil(this.#announceOwn(agentId, change));
    });
    this.#router = new Router({
      control: this,
      requests: this.#requests,
      subscriptions: this.#subscriptions,
      settings: this.#settings,
      onFault: (error, connection, subject) => this.#guard.log(error, connection, { subject }),
    });
    this.#retirement = new Retirement({
      db: env.DB,
      name: ctx.id.name,
      hubShards: this.#settings.hubShards,
      alarm: this.#alarm,
      roster: this.#roster,
      outbox: this.#outbox,
    });
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT, HEARTBEAT_ACK));
    ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load();
      try {
        this.#outbox.load();
        const last = store.lastSweep();
        this.#sweeper.load(last);
        recover(recovery, last, (agentId) => !isNamed || name === hubName(agentId, this.#settings.hubShards));
        this.#retirement.schedule();
        if (!this.#outbox.isEmpty) waitUntil(this.#outbox.flush());
      } catch (error) {
        // Without this catch, the fault would repeat at every event, and no agent could connect to this hub any more.
        this.#guard.log(error, undefined, { event: "load" });
        this.#roster.abandon();
      }
    });
  }

  /** Opens the socket of an agent or of a viewer. This is the only use of fetch, because a WebSocket cannot cross RPC. */
  override async fetch(request: Request): Promise<Response> {
    const opened = await this.#guard.run("fetch", null, () => {
      const viewer = request.headers.get(VIEWER_HEADER);
      if (viewer !== null) {
        const response = this.#feed.open(parseViewer(viewer));
        this.#watchFeed();
        return response;
      }
      return upgrade(this.#roster, this.#settings, parseAdmission(request.headers.get(ADMISSION_HEADER)));
    });
    return opened ?? Response.json({ error: INTERNAL }, { status: 500 });
  }

  /** `agent.register`, from a frame or over HTTP: see {@link Registrations.register}. */
  async register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    return this.#registrations.register(admission, registration);
  }

  /** `agent.heartbeat`, from a frame with data or over HTTP. */
  async heartbeat(admission: Admission, beat: Beat): Promise<Outcome<BeatAck>> {
    return heartbeat(this.#roster, admission, beat);
  }

  /**
   * The live status of one agent, of some agents, or of all: see {@link Roster.status}. `agent.status` uses it too.
   * @param agentIds used if there is no `agentId`. A hub of an earlier release ignores it and answers for all.
   */
  async status(agentId?: string, agentIds?: readonly string[]): Promise<LiveStatus[]> {
    return this.#roster.status(agentId === undefined ? agentIds : [agentId]);
  }

  /**
   * Sends a request to an agent and waits for its reply.
   * @param dataJson the payload as JSON text, so that no parser alters it; undefined if there is none
   * @returns the reply's data as JSON text
   */
  async request(
    agentId: string,
    subject: string,
    dataJson: string | undefined,
    timeoutMs: number,
  ): Promise<Outcome<string | undefined>> {
    return this.#ask(agentId, subject, dataJson, timeoutMs);
  }

  /** `agent.rotate`: offers an agent a new token. The outcome is ok when the agent has the token on disk. */
  async rotate(agentId: string, token: string): Promise<Outcome<null>> {
    const reply = await this.#ask(agentId, "agent.rotate", JSON.stringify({ token }), ROTATION_TIMEOUT_MS);
    return reply.ok ? { ok: true, value: null } : reply;
  }

  /** Gives the second host of a clone its own identity: see {@link Separations.separate}. */
  async separate(agentId: string, bootId: string): Promise<Outcome<string | null>> {
    return this.#separations.separate(agentId, bootId, (token) => this.rotate(agentId, token));
  }

  /**
   * Sends a message to every connection of this hub that subscribes to its subject. A connection without credit is
   * skipped.
   */
  async publish(subject: string, dataJson: string | undefined): Promise<Outcome<Published>> {
    const frame = encode(subject, dataJson === undefined ? {} : { dataJson });
    const bytes = byteLength(frame);
    if (bytes > this.#settings.maxFrameBytes) return tooLarge(this.#settings.maxFrameBytes);
    this.#roster.readAll();
    const published = this.#subscriptions.deliver(subject, frame, bytes);
    this.#guard.attempt("feed", () => this.#feed.published(subject, dataJson));
    return { ok: true, value: published };
  }

  /** An agent's subscriptions; null if it is not connected. */
  async subscriptions(agentId: string): Promise<SubscriptionStatus | null> {
    const connection = this.#roster.live(agentId);
    return connection === undefined ? null : subscriptionStatus(connection);
  }

  /** Closes every connection of an agent that was removed or revoked. */
  async disconnect(agentId: string): Promise<void> {
    this.#roster.shutOut(agentId);
  }

  /**
   * Tells the viewers of a change that an operator has made in the registry.
   * @param agentJson the agent as its row has it, as JSON text; null if it is removed
   */
  async announce(agentId: string, change: string, revision: number, agentJson: string | null): Promise<void> {
    this.#feed.registry(agentId, { change, revision, agentJson });
  }

  /** Closes the viewers' sockets of a session that is over, or of all sessions if it is null. */
  async endSessions(idHash: string | null): Promise<void> {
    this.#feed.endSessions(idHash);
  }

  /** The transitions that the registry rejected, the oldest first. */
  async parked(): Promise<ParkedTransition[]> {
    return this.#store.parked();
  }

  /** Forgets the parked transitions. */
  async forgetParked(): Promise<void> {
    this.#store.forgetParked();
    await this.#outbox.report();
    this.#retirement.schedule();
  }

  /** Closes every socket, and tells each agent when to come back: see {@link Roster.drain}. */
  async drain(delayMs: number): Promise<number> {
    return this.#roster.drain(delayMs);
  }

  override async webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    // A client that ignores its close goes on sending, and nothing stops it: each of these frames must cost next to nothing.
    if (socket.readyState !== WebSocket.READY_STATE_OPEN) return;
    await this.#guard.run("message", socket, async () => {
      if (this.#feed.owns(socket)) {
        this.#feed.receive(socket, frame);
        return;
      }
      const connection = this.#roster.bySocket(socket);
      if (connection === undefined) return;
      const close = await this.#router.receive(connection, frame, Date.now());
      if (close !== null) this.#roster.depart(connection, { reason: "policy", close });
    });
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    await this.#guard.run("close", socket, () => {
      if (this.#feed.owns(socket)) return this.#feed.forget(socket);
      const connection = this.#roster.bySocket(socket);
      if (connection === undefined) return;
      const reason = reasonOfClose(code);
      if (reason === "stopped") this.#roster.depart(connection, { reason, code });
      else this.#roster.lose(connection, { reason, code });
    });
    this.#roster.forgetSocket(socket);
    // Without an answer to its close frame the client would hang. The client's code may be one that must not be sent,
    // such as 1005 (the frame had no code).
    if (code !== 1006) await this.#guard.run("close", socket, () => socket.close(mayTravel(code) ? code : 1000));
  }

  override async webSocketError(socket: WebSocket, error: unknown): Promise<void> {
    await this.#guard.run("error", socket, () => {
      if (this.#feed.owns(socket)) return this.#feed.forget(socket);
      const connection = this.#roster.bySocket(socket);
      if (connection === undefined) return;
      const code = protocolErrorCode(error);
      // The runtime has closed the socket with this code.
      if (code !== null) return this.#roster.depart(connection, { reason: "policy", code });
      this.#roster.lose(connection, { reason: "lost" });
      // If this close still reaches the agent, the agent reconnects.
      socket.close(1011, "connection_lost");
    });
    this.#roster.forgetSocket(socket);
  }

  /** Sweeps if a sweep is due, flushes the outbox, and sets the next alarm if there is something left to do. */
  override async alarm(): Promise<void> {
    this.#alarm.rang();
    // The sweep sets the next alarm, so it comes before the wait for D1. If this object ended during the wait and no
    // alarm was set, no alarm would ever ring again.
    await this.#guard.run("alarm", null, () => this.#sweeper.sweepIfDue(Date.now()));
    await this.#guard.run("alarm", null, () => this.#feed.sweep(Date.now()));
    this.#watchFeed();
    await this.#guard.run("alarm", null, () => this.#outbox.flush());
    await this.#guard.run("alarm", null, () => this.#retirement.attempt());
    if (!this.#alarm.isSet && !(this.#roster.isEmpty && this.#feed.isEmpty))
      this.#alarm.ringBy(Date.now() + AFTER_FAULT_MS);
  }

  /** Sets the alarm for the next sweep of the feed's viewers. */
  #watchFeed(): void {
    const due = this.#feed.dueAt(Date.now());
    if (due !== null) this.#alarm.ringBy(due);
  }

  /** Tells the viewers of a change that this hub has made in the registry. If the registry fails, they read it later. */
  async #announceOwn(agentId: string, change: string): Promise<void> {
    await this.#guard.run("announce", null, async () => {
      // Many hosts may enrol while nobody watches. A viewer that comes after this line reads the change in the list.
      if (this.ctx.getWebSockets(VIEWER_TAG).length === 0) return;
      const record = await findAgent(this.env.DB, agentId);
      // A client drops a removed agent whatever its revision.
      if (record === null) return this.announce(agentId, "removed", 0, null);
      return this.announce(agentId, change, record.revision, JSON.stringify(recordedAgentJson(record)));
    });
  }

  /** Sends a request to an agent over its socket and waits for the reply. */
  async #ask(agentId: string, subject: string, dataJson: string | undefined, timeoutMs: number) {
    const connection = this.#roster.live(agentId);
    if (connection === undefined || connection.overHttp) return failure("no_responders", "the agent is not connected");
    return this.#requests.ask(connection, subject, dataJson, timeoutMs);
  }
}
