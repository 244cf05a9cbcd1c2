/**
 * AgentHub: the Durable Object that holds the sockets of its agents. This file has only its event handlers and RPC
 * methods.
 */
import { DurableObject } from "cloudflare:workers";
import { type LiveStatus, reasonOfClose } from "../presence/presence.ts";
import { mayTravel, protocolErrorCode } from "../protocol/close.ts";
import { failure, INTERNAL, type Outcome } from "../protocol/errors.ts";
import { byteLength, encode, HEARTBEAT, HEARTBEAT_ACK } from "../protocol/message.ts";
import type { Beat, BeatAck, Registered, Registration } from "../protocol/payloads.ts";
import type { Admission } from "../registry/admission.ts";
import { parseAdmission } from "../registry/admission-header.ts";
import { parseViewer } from "../registry/viewer-header.ts";
import { signingKeyIds } from "../tokens.ts";
import type { Connection } from "./connection.ts";
import { heartbeat } from "./heartbeat.ts";
import type { ParkedTransition } from "./outbox.ts";
import { HubParts } from "./parts.ts";
import { Registrations } from "./registration.ts";
import { tooLarge } from "./requests.ts";
import { Roster } from "./roster.ts";
import { Separations } from "./separation.ts";
import { type Published, type SubscriptionStatus, subscribes, subscriptionStatus } from "./subscriptions.ts";
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
  readonly #parts: HubParts;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#parts = new HubParts(ctx, env, this);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT, HEARTBEAT_ACK));
    ctx.blockConcurrencyWhile(() => this.#parts.load());
  }

  /** Opens the socket of an agent or of a viewer. This is the only use of fetch, because a WebSocket cannot cross RPC. */
  override async fetch(request: Request): Promise<Response> {
    const opened = await this.#parts.guard.run("fetch", null, () => {
      const header = request.headers.get(VIEWER_HEADER);
      if (header !== null) {
        const viewer = parseViewer(header);
        const response = this.#parts.feed.open(viewer);
        this.#watchFeed();
        this.ctx.waitUntil(this.#parts.guard.run("session", null, () => this.#parts.feed.confirm(viewer)));
        return response;
      }
      return upgrade(this.#parts.roster, this.#parts.settings, parseAdmission(request.headers.get(ADMISSION_HEADER)));
    });
    return opened ?? Response.json({ error: INTERNAL }, { status: 500 });
  }

  /** `agent.register`, from a frame or over HTTP: see {@link Registrations.register}. */
  async register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    return this.#parts.registrations.register(admission, registration);
  }

  /** `agent.heartbeat`, from a frame with data or over HTTP. */
  async heartbeat(admission: Admission, beat: Beat): Promise<Outcome<BeatAck>> {
    return heartbeat(this.#parts.roster, admission, beat);
  }

  /**
   * The live status of one agent, of some agents, or of all: see {@link Roster.status}. `agent.status` uses it too.
   * @param agentIds used if there is no `agentId`. A hub of an earlier release ignores it and answers for all.
   */
  async status(agentId?: string, agentIds?: readonly string[]): Promise<LiveStatus[]> {
    return this.#parts.roster.status(agentId === undefined ? agentIds : [agentId]);
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
    return this.#parts.separations.separate(agentId, bootId, (token) => this.rotate(agentId, token));
  }

  /**
   * Sends a message to every connection of this hub that subscribes to its subject. A connection without credit is
   * skipped.
   */
  async publish(subject: string, dataJson: string | undefined): Promise<Outcome<Published>> {
    return this.#publish(subject, dataJson, () => {
      this.#parts.roster.connections.readAll();
      return this.#parts.subscriptions.matching(subject);
    });
  }

  /**
   * Sends a message to those of these agents that subscribe to its subject. It is a method of its own: an earlier hub would
   * ignore another parameter of `publish`, and send the message to every agent.
   */
  async publishTo(
    agentIds: readonly string[],
    subject: string,
    dataJson: string | undefined,
  ): Promise<Outcome<Published>> {
    return this.#publish(subject, dataJson, () =>
      agentIds
        .flatMap((id) => this.#parts.roster.connections.ofAgent(id))
        .filter((connection) => subscribes(connection, subject)),
    );
  }

  /** An agent's subscriptions; null if it is not connected. */
  async subscriptions(agentId: string): Promise<SubscriptionStatus | null> {
    const connection = this.#parts.roster.live(agentId);
    return connection === undefined ? null : subscriptionStatus(connection);
  }

  /** Closes every connection of an agent that was removed or revoked. */
  async disconnect(agentId: string): Promise<void> {
    this.#parts.roster.shutOut(agentId);
  }

  /** Does the same for several agents. */
  async disconnectEach(agentIds: readonly string[]): Promise<void> {
    for (const id of agentIds) this.#parts.roster.shutOut(id);
  }

  /**
   * Tells the viewers of a change that an operator has made in the registry.
   * @param agentJson the agent as its row has it, as JSON text; null if it is removed
   */
  async announce(agentId: string, change: string, revision: number, agentJson: string | null): Promise<void> {
    this.#parts.tellChange(agentId, { change, revision, agentJson });
  }

  /** Does the same for several changes. */
  async announceEach(
    changes: readonly {
      readonly id: string;
      readonly change: string;
      readonly revision: number;
      readonly agentJson: string | null;
    }[],
  ): Promise<void> {
    for (const { id, change, revision, agentJson } of changes) {
      this.#parts.tellChange(id, { change, revision, agentJson });
    }
  }

  /** Closes the viewers' sockets of a session that is over, or of all sessions if it is null. */
  async endSessions(idHash: string | null): Promise<void> {
    this.#parts.feed.endSessions(idHash);
  }

  /** The transitions that the registry rejected, the latest first. */
  async parked(): Promise<ParkedTransition[]> {
    return this.#parts.store.parked();
  }

  /** Forgets the parked transitions. */
  async forgetParked(): Promise<void> {
    this.#parts.store.forgetParked();
    await this.#parts.outbox.report();
    this.#parts.retirement.schedule();
  }

  /** The id of the key that it signs tokens with. A hub that has not taken a new secret yet has another. */
  async signingKey(): Promise<string> {
    return (await signingKeyIds(this.env)).current;
  }

  /**
   * Closes every socket, and tells each agent when to come back: see {@link Roster.drain}.
   * @param hubs how many hubs are drained together. An earlier Worker does not say it, and an earlier hub ignores it.
   */
  async drain(delayMs: number, hubs = 1): Promise<number> {
    return this.#parts.roster.drain(delayMs, hubs);
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void | Promise<void> {
    // A client that ignores its close goes on sending, and nothing stops it: each of these frames must cost next to nothing.
    if (socket.readyState !== WebSocket.READY_STATE_OPEN) return;
    return this.#parts.guard.message(socket, () => this.#receive(socket, frame));
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    await this.#parts.guard.run("close", socket, () => {
      if (this.#parts.feed.owns(socket)) return this.#parts.feed.forget(socket);
      const connection = this.#parts.roster.connections.bySocket(socket);
      if (connection === undefined) return;
      const reason = reasonOfClose(code);
      if (reason === "stopped") this.#parts.roster.depart(connection, { reason, code });
      else this.#parts.roster.lose(connection, { reason, code });
    });
    this.#parts.roster.connections.forgetSocket(socket);
    // Without an answer to its close frame the client would hang. The client's code may be one that must not be sent,
    // such as 1005 (the frame had no code).
    if (code !== 1006) await this.#parts.guard.run("close", socket, () => socket.close(mayTravel(code) ? code : 1000));
  }

  override async webSocketError(socket: WebSocket, error: unknown): Promise<void> {
    await this.#parts.guard.run("error", socket, () => {
      if (this.#parts.feed.owns(socket)) return this.#parts.feed.forget(socket);
      const connection = this.#parts.roster.connections.bySocket(socket);
      if (connection === undefined) return;
      const code = protocolErrorCode(error);
      // The runtime has closed the socket with this code.
      if (code !== null) return this.#parts.roster.depart(connection, { reason: "policy", code });
      this.#parts.roster.lose(connection, { reason: "lost" });
      // If this close still reaches the agent, the agent reconnects.
      socket.close(1011, "connection_lost");
    });
    this.#parts.roster.connections.forgetSocket(socket);
  }

  /** Sweeps if a sweep is due, flushes the outbox, and sets the next alarm if there is something left to do. */
  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#parts.alarm.rang();
    await this.#parts.guard.run("alarm", null, () => this.#parts.finishLoad(info?.scheduledTime ?? null));
    // The sweep sets the next alarm, so it comes before the wait for D1. If this object ended during the wait and no
    // alarm was set, no alarm would ever ring again.
    await this.#parts.guard.run("alarm", null, () => this.#parts.sweeper.sweepIfDue(Date.now()));
    await this.#parts.guard.run("alarm", null, () => this.#parts.feed.sweep(Date.now()));
    this.#watchFeed();
    await this.#parts.guard.run("alarm", null, () => this.#parts.outbox.flush());
    await this.#parts.guard.run("alarm", null, () => this.#parts.retirement.attempt());
    if (!this.#parts.alarm.isSet && !(this.#parts.roster.isEmpty && this.#parts.feed.isEmpty))
      this.#parts.alarm.ringBy(Date.now() + AFTER_FAULT_MS);
  }

  #receive(socket: WebSocket, frame: string | ArrayBuffer): void | Promise<void> {
    const { connections } = this.#parts.roster;
    let connection = connections.known(socket);
    if (connection === undefined) {
      if (this.#parts.feed.owns(socket)) return this.#parts.feed.receive(socket, frame);
      connection = connections.bySocket(socket);
      if (connection === undefined) return;
    }
    return this.#parts.router.receive(connection, frame, Date.now());
  }

  /** Sets the alarm for the next sweep of the feed's viewers. */
  #watchFeed(): void {
    const due = this.#parts.feed.dueAt(Date.now());
    if (due !== null) this.#parts.alarm.ringBy(due);
  }

  /** Sends a message to these connections, and to the viewers that watch its subject. */
  #publish(subject: string, dataJson: string | undefined, subscribers: () => Iterable<Connection>): Outcome<Published> {
    const frame = encode(subject, dataJson === undefined ? {} : { dataJson });
    const bytes = byteLength(frame);
    const { maxFrameBytes } = this.#parts.settings;
    if (bytes > maxFrameBytes) return tooLarge(maxFrameBytes);
    const published = this.#parts.subscriptions.deliver(subscribers(), frame, bytes);
    this.#parts.guard.attempt("feed", () => this.#parts.feed.published(subject, dataJson));
    return { ok: true, value: published };
  }

  /** Sends a request to an agent over its socket and waits for the reply. */
  async #ask(agentId: string, subject: string, dataJson: string | undefined, timeoutMs: number) {
    const connection = this.#parts.roster.live(agentId);
    if (connection === undefined || connection.overHttp) return failure("no_responders", "the agent is not connected");
    return this.#parts.requests.ask(connection, subject, dataJson, timeoutMs);
  }
}
