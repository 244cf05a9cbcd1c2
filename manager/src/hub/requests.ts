/** Requests of the manager that wait for an agent's reply: docs/PROTOCOL.md "Request and reply". */

import { randomId } from "../digest.ts";
import { failure, type Outcome, type WireError } from "../protocol/errors.ts";

interface Pending {
  readonly connectionId: string;
  readonly settle: (outcome: Outcome<unknown>) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * The table of pending requests of one hub. It lives in memory only: a caller that waits keeps its hub awake, so there is
 * nothing to survive. Tokens begin with a word of this table's own, so a reply to a hub's former life matches nothing.
 */
export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  readonly #life = randomId();
  #count = 0;

  get size(): number {
    return this.#pending.size;
  }

  /** Opens a request; `outcome` resolves exactly once, with the reply or a typed error. */
  open(connectionId: string, timeoutMs: number): { token: string; outcome: Promise<Outcome<unknown>> } {
    const token = `${this.#life}-${++this.#count}`;
    const outcome = new Promise<Outcome<unknown>>((settle) => {
      const timer = setTimeout(() => {
        this.#pending.delete(token);
        settle(failure("timeout", `no reply within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(token, { connectionId, settle, timer });
    });
    return { token, outcome };
  }

  /** Delivers a reply; false if nobody waits for it on this connection. */
  settle(connectionId: string, token: string, reply: { data?: unknown; error?: WireError }): boolean {
    const pending = this.#pending.get(token);
    if (pending?.connectionId !== connectionId) return false;
    this.#take(token, pending, reply.error ? { ok: false, error: reply.error } : { ok: true, value: reply.data });
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

  /** Removes before it delivers, so nothing is ever delivered twice. */
  #take(token: string, pending: Pending, outcome: Outcome<unknown>): void {
    this.#pending.delete(token);
    clearTimeout(pending.timer);
    pending.settle(outcome);
  }
}
