/** Translates the subjects of an agent's messages into the hub's methods, and their outcomes into replies. */
import { Close } from "../protocol/close.ts";
import { failure, isRefusal, type Outcome } from "../protocol/errors.ts";
import { dataJson, encode, exceedsBytes, type Message } from "../protocol/message.ts";
import { Beat, CreditReport, firstIssue, PatternList, Registration } from "../protocol/payloads.ts";
import { inboxToken, isInbox } from "../protocol/subject.ts";
import type { Connection } from "./connection.ts";
import type { AgentHub } from "./hub.ts";
import type { PendingRequests } from "./requests.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** The control methods of the hub, the very ones that the Worker calls over RPC. */
export type ControlMethods = Pick<AgentHub, "register" | "heartbeat" | "status">;

export class Router {
  readonly #hub: ControlMethods;
  readonly #requests: PendingRequests;
  readonly #subscriptions: Subscriptions;
  readonly #maxFrameBytes: number;

  constructor(hub: ControlMethods, requests: PendingRequests, subscriptions: Subscriptions, maxFrameBytes: number) {
    this.#hub = hub;
    this.#requests = requests;
    this.#subscriptions = subscriptions;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Delivers the agent's reply to a request of ours; one that nobody waits for here is dropped and counted. */
  deliver(connection: Connection, message: Message): void {
    const token = inboxToken(message.subject, connection.id);
    if (token === null || !this.#requests.settle(connection.id, token, message)) connection.state.droppedReplies++;
  }

  /** Handles one message; every request gets exactly one answer. Returns how the connection must be closed, if it must. */
  async route(connection: Connection, message: Message): Promise<Close | null> {
    if (isInbox(message.subject)) {
      this.deliver(connection, message);
      return null;
    }
    const outcome = await this.#dispatch(connection, message);
    this.answer(connection, message, outcome);
    return message.subject === "agent.register" && !outcome.ok && isRefusal(outcome.error.code)
      ? Close.unauthorized
      : null;
  }

  /** Sends the outcome of a message to who asked; one that nobody asked for is sent only where the protocol says so. */
  answer(connection: Connection, message: Message, outcome: Outcome<unknown>): void {
    if (message.reply !== undefined) this.#send(connection, message.reply, outcome);
    else if (!outcome.ok) this.#send(connection, "agent.error", outcome);
    else if (message.subject === "agent.heartbeat") this.#send(connection, "agent.heartbeat.ack", outcome);
  }

  #dispatch(connection: Connection, message: Message): Outcome<unknown> | Promise<Outcome<unknown>> {
    const { admission, registered } = connection.state;
    if (message.subject === "agent.register") {
      const registration = Registration.safeParse(message.data);
      if (!registration.success) return failure("invalid_data", firstIssue(registration.error));
      return this.#hub.register(admission, registration.data);
    }
    if (registered === null) return failure("not_registered", "send agent.register first");
    switch (message.subject) {
      case "agent.heartbeat": {
        const beat = Beat.safeParse(message.data ?? {});
        if (!beat.success) return failure("invalid_data", firstIssue(beat.error));
        return this.#hub.heartbeat(admission, beat.data);
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
    const [live] = await this.#hub.status(agentId);
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
