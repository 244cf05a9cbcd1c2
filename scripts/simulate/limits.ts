/** What the parts of a manager can do. Times are milliseconds of work, one after the other. */
export interface Limits {
  /** Databases that share the agents. */
  readonly databases: number;
  /** D1 handles one query at a time. A query of 1 ms makes about a thousand reads a second. */
  readonly admissionMs: number;
  /** A flush of transitions: for each flush, and for each transition in it. */
  readonly flushMs: number;
  readonly transitionMs: number;
  /** D1 refuses a query that would wait longer than this. The manager then answers 503 with Retry-After. */
  readonly longestQueueMs: number;
  /** An agent's upgrade and registration in its hub. */
  readonly hubConnectMs: number;
  /** An agent gives up an attempt that takes longer. */
  readonly attemptMs: number;
  /** The longest spread that a welcome asks for because the fleet is large. */
  readonly longestSpreadMs: number;
  /** The longest time within which an agent tries again. */
  readonly longestWindowMs: number;
}

/** `Retry-After` of the manager if the registry fails. */
export const RETRY_AFTER_MS = 5_000;
/** Transitions in one flush. */
export const FLUSH_SIZE = 500;
/** After a failed flush a hub waits so long. */
export const FLUSH_AGAIN_MS = 5_000;
/** Agents of one hub at most. */
export const AGENTS_PER_HUB = 8_000;

/**
 * Cloudflare says of D1 that a query of 1 ms allows about 1,000 a second, and of a Durable Object that 1,000 requests a second
 * are its soft limit. A connection is two of them: the upgrade and the registration. The other figures are assumed.
 */
export const CLOUDFLARE: Limits = {
  databases: 1,
  admissionMs: 1,
  flushMs: 5,
  transitionMs: 0.1,
  longestQueueMs: 5_000,
  hubConnectMs: 2,
  attemptMs: 10_000,
  longestSpreadMs: 120_000,
  longestWindowMs: 60_000,
};
