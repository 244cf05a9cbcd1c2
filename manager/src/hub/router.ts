/** Routes an agent's message to the hub's method for its subject, and sends the outcome as the reply. */
import type { Settings } from "../config.ts";
import type { LiveStatus } from "../presence/presence.ts";
import { Close } from "../protocol/close.ts";
import { failure, INTERNAL, isRefusal, type Outcome } from "../protocol/errors.ts";
import { byteLength, decode, encode, type Message } from "../protocol/message.ts";
import { Beat, type BeatAck, CreditReport, PatternList, type Registered, Registration } from "../protocol/payloads.ts";
import { inboxToken, isInbox } from "../protocol/subject.ts";
import type { Admission } from "../registry/admission.ts";
import { type Answer, answer, answerFrame, MAX_BAD_FRAMES, payload, TOLD_EVERY_MS } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { Load } from "./load.ts";
import type { PendingRequests } from "./requests.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Frames that a connection may send before it has registered. A normal agent needs one. */
const MAX_FRAMES_UNREGISTERED = 8;

/** The control operations. The Worker can also call them over RPC. */
export interface ControlMethods {
  register(admission: Admission, registration: Registration): Promise<Outcome<Registered>>;
  heartbeat(admission: Admission, beat: Beat): Promise<Outcome<BeatAck>>;
  status(agentId: string): Promise<LiveStatus[]>;
}

export interface RouterParts {
  readonly control: ControlMethods;
  readonly requests: PendingRequests;
  readonly subscriptions: Subscriptions;
  readonly settings: Pick<Settings, "hubMessagesPerSecond">;
  /** Called when a connection must be closed because of what it sent. */
  readonly onClose: (connection: Connection, close: Close) => void;
  /** Called with an exception that was thrown while a message was handled. */
  readonly onFault: (error: unknown, connection: Connection, subject: string) => void;
}

export class Router {
  readonly #control: ControlMethods;
  readonly #requests: PendingRequests;
  readonly #subscriptions: Subscriptions;
  readonly #load: Load;
  readonly #onClose: RouterParts["onClose"];
  readonly #onFault: RouterParts["onFault"];

  constructor({ control, requests, subscriptions, settings, onClose, onFault }: RouterParts) {
    this.#control = control;
    this.#requests = requests;
    this.#subscriptions = subscriptions;
    this.#load = new Load(settings.hubMessagesPerSecond);
    this.#onClose = onClose;
    this.#onFault = onFault;
  }

  /**
   * Handles one frame. It returns a promise only if the handling has to wait: promises at each step took a quarter of the
   * time that a hub adds to an echo.
   */
  receive(connection: Connection, frame: string | ArrayBuffer, now: number): void | Promise<void> {
    connection.touch(now);
    if (connection.state.registered === null && ++connection.framesUnregistered > MAX_FRAMES_UNREGISTERED) {
      return this.#onClose(connection, Close.rateLimited);
    }
    const decoded = decode(frame, connection.terms.maxFrameBytes);
    // One reply to each request is free. So an agent that only answers requests never uses up its budget.
    if (decoded.ok && isInbox(decoded.message.subject) && connection.budget.useFreeReply()) {
      return this.#deliver(connection, decoded.message);
    }
    const bytes = byteLength(frame);
    const budget = connection.budget.take(bytes, now, this.#load.admit(connection.id, bytes, now));
    if (budget === "exhausted") return this.#onClose(connection, Close.rateLimited);
    if (!decoded.ok) {
      // An unreadable reply still ends its request: the requester gets the error of the bad frame.
      if (decoded.subject !== undefined && isInbox(decoded.subject)) {
        this.#deliver(connection, { subject: decoded.subject, error: decoded.error });
      }
      connection.send(encode(decoded.reply ?? "agent.error", { error: decoded.error }));
      if (++connection.state.badFrames >= MAX_BAD_FRAMES) this.#onClose(connection, Close.policyViolation);
      return;
    }
    if (budget === "refused") {
      // A request is always answered. Of other messages one a second is enough to tell the agent, and a flood costs less.
      if (decoded.message.reply !== undefined || now >= connection.toldRefusedAt + TOLD_EVERY_MS) {
        connection.toldRefusedAt = now;
        this.#answer(connection, decoded.message, failure("rate_limited", "this connection sends more than it may"));
      }
      return;
    }
    return this.#route(connection, decoded.message);
  }

  /** Delivers the agent's reply to the request that waits for it. If none waits, the reply is dropped and counted. */
  #deliver(connection: Connection, message: Message): void {
    const token = inboxToken(message.subject, connection.id);
    if (token === null || !this.#requests.settle(connection.id, token, message)) connection.state.droppedReplies++;
  }

  /** Handles one message. Every request gets exactly one answer. */
  #route(connection: Connection, message: Message): void | Promise<void> {
    if (isInbox(message.subject)) return this.#deliver(connection, message);
    const replyFault = faultInReply(connection, message);
    if (replyFault !== null) return this.#send(connection, "agent.error", failure("invalid_data", replyFault));
    const outcome = this.#outcome(connection, message);
    return outcome instanceof Promise
      ? this.#answerLater(connection, message, outcome)
      : this.#answer(connection, message, outcome);
  }

  async #answerLater(connection: Connection, message: Message, waiting: Promise<Answer>): Promise<void> {
    const outcome = await waiting;
    this.#answer(connection, message, outcome);
    if (message.subject !== "agent.register" || outcome.ok || !isRefusal(outcome.error.code)) return;
    // Two registrations of one connection have the same outcome. The other one is answered before the close.
    await Promise.resolve();
    this.#onClose(connection, Close.unauthorized);
  }

  /**
   * Sends the outcome of a message to its reply inbox. Without a reply inbox, only errors and heartbeat answers are
   * sent.
   */
  #answer(connection: Connection, message: Message, outcome: Answer): void {
    if (message.reply !== undefined) this.#send(connection, message.reply, outcome);
    else if (!outcome.ok) this.#send(connection, "agent.error", outcome);
    else if (message.subject === "agent.heartbeat") this.#send(connection, "agent.heartbeat.ack", outcome);
  }

  /** Handles a message and returns its outcome. After an exception the outcome is the error `internal`. */
  #outcome(connection: Connection, message: Message): Answer | Promise<Answer> {
    const failed = (error: unknown): Answer => {
      this.#onFault(error, connection, message.subject);
      return { ok: false, error: INTERNAL };
    };
    try {
      const outcome = this.#dispatch(connection, message);
      return outcome instanceof Promise ? outcome.catch(failed) : outcome;
    } catch (error) {
      return failed(error);
    }
  }

  #dispatch(connection: Connection, message: Message): Answer | Promise<Answer> {
    const { admission, registered } = connection.state;
    if (message.subject === "agent.register") {
      const registration = payload(Registration, message);
      return registration.ok ? this.#control.register(admission, registration.value).then(answer) : registration;
    }
    if (registered === null) return failure("not_registered", "send agent.register first");
    switch (message.subject) {
      case "agent.heartbeat": {
        const beat = payload(Beat, { dataJson: message.dataJson ?? "{}" });
        return beat.ok ? this.#control.heartbeat(admission, beat.value).then(answer) : beat;
      }
      case "agent.status":
        return this.#status(admission.agentId).then(answer);
      case "agent.subscribe":
      case "agent.unsubscribe": {
        const list = payload(PatternList, message);
        const change = message.subject === "agent.subscribe" ? "subscribe" : "unsubscribe";
        return list.ok ? answer(this.#subscriptions[change](connection, list.value.patterns)) : list;
      }
      case "agent.credit": {
        const report = payload(CreditReport, message);
        if (!report.ok) return report;
        connection.acknowledge(report.value);
        return { ok: true, value: undefined };
      }
      case "test.echo":
        return { ok: true, value: message.dataJson };
      default:
        return /^(agent|test)\./.test(message.subject)
          ? failure("no_responders", `nothing answers ${message.subject}`)
          : failure("forbidden", `an agent may not send to ${message.subject}`);
    }
  }

  async #status(agentId: string): Promise<Outcome<object>> {
    const [live] = await this.#control.status(agentId);
    if (live === undefined) return failure("internal", "the connection ended meanwhile");
    const { status, connectedAt, lastSeen, rttMs } = live;
    return { ok: true, value: { agentId, status, connectedAt, lastSeen, rttMs } };
  }

  #send(connection: Connection, subject: string, outcome: Answer): void {
    connection.send(answerFrame(subject, outcome, connection.terms.maxFrameBytes));
  }
}

/** Why a message cannot be answered at its `reply`; null if it can, or if it asks for no answer. */
function faultInReply(connection: Connection, { subject, reply }: Message): string | null {
  // Its answer may hold the agent's only token, so it must reach the agent.
  if (reply === undefined) return subject === "agent.register" ? "reply: agent.register is a request" : null;
  // On any other subject the answer would look like another message of the manager.
  return inboxToken(reply, connection.id) ? null : "reply: is not an inbox of this connection";
}
