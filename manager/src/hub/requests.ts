/** Requests of the manager that wait for an agent's reply: docs/PROTOCOL.md "Request and reply". */
import { randomId } from "../digest.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { encode, exceedsBytes, type Message } from "../protocol/message.ts";
import { inbox } from "../protocol/subject.ts";

/** A connection that a request can be sent over. */
export interface Responder {
  readonly id: string;
  readonly terms: { readonly maxFrameBytes: number };
  /** Sends a request's frame; its reply is free of the connection's budget. */
  sendRequest(frame: string): void;
}

interface Pending {
  readonly connectionId: string;
  readonly settle: (outcome: Outcome<string | undefined>) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * The table of pending requests of one hub. It lives in memory only: a caller that waits keeps its hub awake, so there
 * is nothing to survive. Each table begins its tokens with a random prefix, so a reply to a request of an earlier table
 * matches nothing.
 */
export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  readonly #prefix = randomId();
  #count = 0;

  /** Requests that wait for their reply. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Sends a request over a connection.
   * @param dataJson the payload as JSON text; undefined for none
   * @returns resolves exactly once, with the reply's data as JSON text or a typed error
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

  /** Delivers a reply; false if nobody waits for it on this connection. */
  settle(connectionId: string, token: string, { dataJson, error }: Pick<Message, "dataJson" | "error">): boolean {
    const pending = this.#pending.get(token);
    if (pending?.connectionId !== connectionId) return false;
    const failed = error && ({ ok: false, error: { ...error, byAgent: true } } as const);
    this.#take(token, pending, failed ?? { ok: true, value: dataJson });
    return true;
  }

  /** Fails every request that waits on a connection which is gone. */
  disconnect(connectionId: string): void {
    for (const [token, pending] of this.#pending) {
      if (pending.connectionId === connectionId) {
        this.#take(token, pending, failure("disconnected", "the connection was lost before the reply"));
      }
    }
  }

  /** Removes the entry before it delivers, so nothing is ever delivered twice. */
  #take(token: string, pending: Pending, outcome: Outcome<string | undefined>): void {
    this.#pending.delete(token);
    clearTimeout(pending.timer);
    pending.settle(outcome);
  }
}

/** The failure of a message that does not fit into a frame. */
export function tooLarge(maxFrameBytes: number) {
  return failure("payload_too_large", `the message exceeds a frame's ${maxFrameBytes} bytes`);
}
