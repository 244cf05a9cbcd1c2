/** The budget of one connection: token buckets for messages and bytes. docs/PROTOCOL.md "Budgets". */

import { BURST_S } from "../config.ts";

/** A connection is closed after `burst` refused messages. `perSecond` of them are forgiven each second. */
const REFUSALS = { burst: 100, perSecond: 1 } as const;

/** A connection may send this on average. */
export interface Rates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

class TokenBucket {
  readonly #perSecond: number;
  readonly #capacity: number;
  #level: number;
  #filledAt = 0;

  constructor(perSecond: number, capacity: number) {
    this.#perSecond = perSecond;
    this.#capacity = capacity;
    this.#level = capacity;
  }

  /** Whether the bucket holds `amount` at `now` (Unix milliseconds). */
  has(amount: number, now: number): boolean {
    const gained = (Math.max(0, now - this.#filledAt) / 1000) * this.#perSecond;
    this.#level = Math.min(this.#capacity, this.#level + gained);
    this.#filledAt = now;
    return this.#level >= amount;
  }

  take(amount: number): void {
    this.#level -= amount;
  }
}

/** Kept in memory only. While a hub hibernates, all its agents are silent long enough to refill every bucket. */
export class Budget {
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #refusals: TokenBucket;
  #freeReplies = 0;

  constructor({ messagesPerSecond, bytesPerSecond }: Rates) {
    this.#messages = new TokenBucket(messagesPerSecond, messagesPerSecond * BURST_S);
    this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond * BURST_S);
    this.#refusals = new TokenBucket(REFUSALS.perSecond, REFUSALS.burst);
  }

  /** Call this when a request is sent to the agent. It allows one free reply, even if the reply comes too late. */
  allowFreeReply(): void {
    this.#freeReplies++;
  }

  /** Call this when the agent sends a reply. Returns whether the reply is free, and uses up one free reply. */
  useFreeReply(): boolean {
    if (this.#freeReplies === 0) return false;
    this.#freeReplies--;
    return true;
  }

  /**
   * Takes one message of `bytes` from the budget.
   * @param hubHasRoom if false, the message is refused, even if the connection has budget left
   * @returns `exhausted` if too many messages have been refused: then the connection must be closed
   */
  take(bytes: number, now: number, hubHasRoom = true): "granted" | "refused" | "exhausted" {
    if (hubHasRoom && this.#messages.has(1, now) && this.#bytes.has(bytes, now)) {
      this.#messages.take(1);
      this.#bytes.take(bytes);
      return "granted";
    }
    if (!this.#refusals.has(1, now)) return "exhausted";
    this.#refusals.take(1);
    return "refused";
  }
}
