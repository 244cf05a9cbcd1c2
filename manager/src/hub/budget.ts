/** The budget of one connection: token buckets for messages and bytes. docs/PROTOCOL.md "Budgets". */

import { BURST_S } from "../config.ts";

/** A connection is closed after `burst` refused messages. `perSecond` of them are forgiven each second. */
const REFUSALS = { burst: 100, perSecond: 1 } as const;

/** A connection may send this on average. */
export interface Rates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * Kept in memory only. While a hub hibernates, all its agents are silent long enough to refill every bucket. All buckets
 * are filled at the same times, so that a connection has four numbers instead of an object for each bucket.
 */
export class Budget {
  readonly #rates: Rates;
  #messages: number;
  #bytes: number;
  #refusals: number = REFUSALS.burst;
  /** When the buckets were filled; Unix milliseconds. */
  #filledAt = 0;
  #freeReplies = 0;

  constructor(rates: Rates) {
    this.#rates = rates;
    this.#messages = rates.messagesPerSecond * BURST_S;
    this.#bytes = rates.bytesPerSecond * BURST_S;
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
    this.#fill(now);
    if (hubHasRoom && this.#messages >= 1 && this.#bytes >= bytes) {
      this.#messages -= 1;
      this.#bytes -= bytes;
      return "granted";
    }
    if (this.#refusals < 1) return "exhausted";
    this.#refusals -= 1;
    return "refused";
  }

  #fill(now: number): void {
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    const { messagesPerSecond, bytesPerSecond } = this.#rates;
    this.#messages = filled(this.#messages, seconds, messagesPerSecond, messagesPerSecond * BURST_S);
    this.#bytes = filled(this.#bytes, seconds, bytesPerSecond, bytesPerSecond * BURST_S);
    this.#refusals = filled(this.#refusals, seconds, REFUSALS.perSecond, REFUSALS.burst);
    this.#filledAt = now;
  }
}

/** What a bucket holds some time later. */
function filled(level: number, seconds: number, perSecond: number, capacity: number): number {
  return Math.min(capacity, level + seconds * perSecond);
}
