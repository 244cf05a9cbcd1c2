/** The manager's requests that wait for an agent's reply: docs/PROTOCOL.md "Request and reply". */
import { randomId } from "../digest.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { encode, exceedsBytes, type Message } from "../protocol/message.ts";
import { inbox } from "../protocol/subject.ts";

/** A connection that a request can be sent over. */
export interface Responder {
  readonly id: string;
  readonly terms: { readonly maxFrameBytes: number };
  /** Sends the frame of a request. The reply does not count against the connection's budget. */
  sendRequest(frame: string): void;
}

interface Pending {
  readonly connectionId: string;
  readonly settle: (outcome: Outcome<string | undefined>) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * The table of pending requests of one hub. It is kept in memory only, because a hub does not hibernate while a caller
 * waits. The tokens of each table begin with a random prefix, so a reply to a request of an earlier table matches no
 * entry.
 */
export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  readonly #prefix = randomId();
  #count = 0;

  /** The number of requests that wait for a reply. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Sends a request over a connection.
   * @param dataJson the payload as JSON text; undefined if there is none
   * @returns resolves exactly once, with the reply's data as JSON text or with a typed error
   */
  ask(
    connection: Responder,
    subject: string,
    dataJson: string | undefined,
    timeoutMs: number,
  ): Promise<Outcome<string | undefined>> {
    const token = `${this.#prefix}-${++this.#count}`;
    const reply = inbox(connection.id, token);
    const frame = encode(subject, { reply, ...(dataJson === undefined ? {} : { dataJson }) });
    const { maxFrameBytes } = connection.terms;
    if (exceedsBytes(frame, maxFrameBytes)) return Promise.resolve(tooLarge(maxFrameBytes));
    return new Promise((settle) => {
      const timer = setTimeout(() => {
        this.#pending.delete(token);
        settle(failure("timeout", `no reply within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(token, { connectionId: connection.id, settle, timer });
      connection.sendRequest(frame);
    });
  }

  /** Delivers a reply. Returns false if no request of this connection waits for it. */
  settle(connectionId: string, token: string, { dataJson, error }: Pick<Message, "dataJson" | "error">): boolean {
    const pending = this.#pending.get(token);
    if (pending?.connectionId !== connectionId) return false;
    const failed = error && ({ ok: false, error: { ...error, byAgent: true } } as const);
    this.#take(token, pending, failed ?? { ok: true, value: dataJson });
    return true;
  }

  /** Fails every pending request of a connection that has ended. */
  disconnect(connectionId: string): void {
    for (const [token, pending] of this.#pending) {
      if (pending.connectionId === connectionId) {
        this.#take(token, pending, failure("disconnected", "the connection was lost before the reply"));
      }
    }
  }

  /** Removes the entry before it delivers the outcome, so that no request gets two outcomes. */
  #take(token: string, pending: Pending, outcome: Outcome<string | undefined>): void {
    this.#pending.delete(token);
    clearTimeout(pending.timer);
    pending.settle(outcome);
  }
}

/** The error for a message that does not fit into a frame. */
export function tooLarge(maxFrameBytes: number) {
  return failure("payload_too_large", `the message exceeds a frame's ${maxFrameBytes} bytes`);
}
