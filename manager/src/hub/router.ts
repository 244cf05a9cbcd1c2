/** Translates the subjects of an agent's messages into the hub's methods, and their outcomes into replies. */

import type { LiveStatus } from "../presence/presence.ts";
import { Close } from "../protocol/close.ts";
import { failure, isRefusal, type Outcome } from "../protocol/errors.ts";
import { byteLength, dataJson, decode, encode, exceedsBytes, type Message } from "../protocol/message.ts";
import {
  Beat,
  type BeatAck,
  CreditReport,
  firstIssue,
  PatternList,
  type Registered,
  Registration,
} from "../protocol/payloads.ts";
import { inboxToken, isInbox } from "../protocol/subject.ts";
import type { Admission } from "../registry/admission.ts";
import type { Connection } from "./connection.ts";
import type { PendingRequests } from "./requests.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Bad frames that a connection may send before it is closed. */
const MAX_BAD_FRAMES = 32;

/** The control operations, which the Worker reaches over RPC as well. */
export interface ControlMethods {
  register(admission: Admission, registration: Registration): Promise<Outcome<Registered>>;
  heartbeat(admission: Admission, beat: Beat): Promise<Outcome<BeatAck>>;
  status(agentId: string): Promise<LiveStatus[]>;
}

export class Router {
  readonly #control: ControlMethods;
  readonly #requests: PendingRequests;
  readonly #subscriptions: Subscriptions;
  readonly #maxFrameBytes: number;

  constructor(control: ControlMethods, requests: PendingRequests, subscriptions: Subscriptions, maxFrameBytes: number) {
    this.#control = control;
    this.#requests = requests;
    this.#subscriptions = subscriptions;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Handles one frame. Returns how the connection must be closed, if it must. */
  async receive(connection: Connection, frame: string | ArrayBuffer, now: number): Promise<Close | null> {
    connection.touch(now);
    const decoded = decode(frame, this.#maxFrameBytes);
    // The agent may send as many replies as it was asked for at no cost: one that only answers never uses up its budget.
    if (decoded.ok && isInbox(decoded.message.subject) && connection.budget.settle()) {
      this.#deliver(connection, decoded.message);
      return null;
    }
    const budget = connection.budget.take(byteLength(frame), now);
    if (budget === "exhausted") return Close.rateLimited;
    if (!decoded.ok) {
      connection.send(encode(decoded.reply ?? "agent.error", { error: decoded.error }));
      return ++connection.state.badFrames < MAX_BAD_FRAMES ? null : Close.policyViolation;
    }
    if (budget === "refused") {
      this.#answer(connection, decoded.message, failure("rate_limited", "this connection sends more than it may"));
      return null;
    }
    return this.#route(connection, decoded.message);
  }

  /** Delivers the agent's reply to a request of ours; a reply that nobody waits for is dropped and counted. */
  #deliver(connection: Connection, message: Message): void {
    const token = inboxToken(message.subject, connection.id);
    if (token === null || !this.#requests.settle(connection.id, token, message)) connection.state.droppedReplies++;
  }

  /** Handles one message; every request gets exactly one answer. Returns how the connection must be closed, if it must. */
  async #route(connection: Connection, message: Message): Promise<Close | null> {
    if (isInbox(message.subject)) {
      this.#deliver(connection, message);
      return null;
    }
    if (message.subject === "agent.register" && inboxToken(message.reply ?? "", connection.id) === null) {
      // Its answer may hold the agent's only token, which must not be made for nobody.
      const problem = "reply: agent.register is a request, and its answer goes to an inbox of this connection";
      this.#send(connection, "agent.error", failure("invalid_data", problem));
      return null;
    }
    const outcome = await this.#dispatch(connection, message);
    this.#answer(connection, message, outcome);
    return message.subject === "agent.register" && !outcome.ok && isRefusal(outcome.error.code)
      ? Close.unauthorized
      : null;
  }

  /** Sends the outcome of a message to who asked; an outcome that nobody asked for is sent only where the protocol says so. */
  #answer(connection: Connection, message: Message, outcome: Outcome<unknown>): void {
    if (message.reply !== undefined) this.#send(connection, message.reply, outcome);
    else if (!outcome.ok) this.#send(connection, "agent.error", outcome);
    else if (message.subject === "agent.heartbeat") this.#send(connection, "agent.heartbeat.ack", outcome);
  }

  #dispatch(connection: Connection, message: Message): Outcome<unknown> | Promise<Outcome<unknown>> {
    const { admission, registered } = connection.state;
    if (message.subject === "agent.register") {
      const registration = Registration.safeParse(message.data);
      if (!registration.success) return failure("invalid_data", firstIssue(registration.error));
      return this.#control.register(admission, registration.data);
    }
    if (registered === null) return failure("not_registered", "send agent.register first");
    switch (message.subject) {
      case "agent.heartbeat": {
        const beat = Beat.safeParse(message.data ?? {});
        if (!beat.success) return failure("invalid_data", firstIssue(beat.error));
        return this.#control.heartbeat(admission, beat.data);
      }
      case "agent.status":
        return this.#status(admission.agentId);
      case "agent.subscribe":
      case "agent.unsubscribe": {
        const list = PatternList.safeParse(message.data);
        if (!list.success) return failure("invalid_data", firstIssue(list.error));
        const change = message.subject === "agent.subscribe" ? "subscribe" : "unsubscribe";
        return this.#subscriptions[change](connection, list.data.patterns);
      }
      case "agent.credit": {
        const report = CreditReport.safeParse(message.data);
        if (!report.success) return failure("invalid_data", firstIssue(report.error));
        connection.acknowledge(report.data);
        return { ok: true, value: undefined };
      }
      case "test.echo":
        return { ok: true, value: message.data };
      default:
        return /^(agent|test)\./.test(message.subject)
          ? failure("no_responders", `nothing answers ${message.subject}`)
          : failure("forbidden", `an agent may not send to ${message.subject}`);
    }
  }

  async #status(agentId: string): Promise<Outcome<unknown>> {
    const [live] = await this.#control.status(agentId);
    if (live === undefined) return failure("internal", "the connection ended meanwhile");
    const { status, connectedAt, lastSeen, rttMs } = live;
    return { ok: true, value: { agentId, status, connectedAt, lastSeen, rttMs } };
  }

  #send(connection: Connection, subject: string, outcome: Outcome<unknown>): void {
    const frame = encode(subject, dataJson(outcome));
    connection.send(
      exceedsBytes(frame, this.#maxFrameBytes)
        ? encode(subject, { error: failure("payload_too_large", "the reply exceeds the frame limit").error })
        : frame,
    );
  }
}
