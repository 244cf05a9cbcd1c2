/** What one connection may send: token buckets for messages and bytes. docs/PROTOCOL.md "Budgets". */

import { BURST_S } from "../config.ts";

/** Refused messages after which a connection is closed, and how many of them a second forgives. */
const REFUSALS = { burst: 100, perSecond: 1 } as const;

/** What a connection may send on average. */
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

  /** Whether it holds `amount` at `now` (Unix milliseconds). */
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

/** In memory only: a hub that hibernated was idle long enough for every bucket to be full again. */
export class Budget {
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #refusals: TokenBucket;
  #repliesOwed = 0;

  constructor({ messagesPerSecond, bytesPerSecond }: Rates) {
    this.#messages = new TokenBucket(messagesPerSecond, messagesPerSecond * BURST_S);
    this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond * BURST_S);
    this.#refusals = new TokenBucket(REFUSALS.perSecond, REFUSALS.burst);
  }

  /** Notes that the agent was asked something: it may answer once at no cost, be it too late. */
  owe(): void {
    this.#repliesOwed++;
  }

  /** Whether a reply is one of those that the agent owed. */
  settle(): boolean {
    if (this.#repliesOwed === 0) return false;
    this.#repliesOwed--;
    return true;
  }

  /**
   * Takes one message of `bytes`.
   * @param hubHasRoom false: the message is refused, however much the connection may send
   * @returns `exhausted` once too many have been refused: the connection must be closed
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
