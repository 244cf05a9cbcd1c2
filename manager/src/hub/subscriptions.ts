/**
 * The subscriptions of a hub's connections: docs/PROTOCOL.md "Fan-out". Each connection stores its own list of
 * patterns, which survives hibernation. The index in memory is built from these lists.
 */
import { failure, type Outcome } from "../protocol/errors.ts";
import { agentMaySubscribe } from "../protocol/permissions.ts";
import { matches } from "../protocol/subject.ts";
import type { Connection } from "./connection.ts";
import { type Totals, unacknowledged } from "./credit.ts";
import { MultiMap } from "./multimap.ts";

/** The largest number of patterns of one connection. So many always fit into the socket's attachment. */
const MAX_PATTERNS = 32;

/**
 * How long after a fan-out its totals are saved: one attachment for all messages of this time. The runtime does not hibernate a
 * hub with a timer, so a hub that wakes knows the totals of every frame that it has sent.
 */
const SAVE_AFTER_MS = 2_000;

/** The answer to an agent that changed its subscriptions: the whole new list. */
export type SubscriptionList = { readonly patterns: readonly string[] };

/** The result of a publication, in one hub or in all hubs. */
export interface Published {
  /** How many subscribers the message was sent to. */
  readonly delivered: number;
  /** How many subscribers had no room for it in their credit window. */
  readonly dropped: number;
}

/** The subscriptions of an agent's connection, and how far it is behind. */
export interface SubscriptionStatus {
  readonly patterns: readonly string[];
  readonly delivered: number;
  readonly dropped: number;
  readonly unacknowledged: Totals;
}

export function subscriptionStatus({ state }: Connection): SubscriptionStatus {
  const { patterns, credit } = state;
  const { delivered, dropped } = credit;
  return { patterns, delivered: delivered.frames, dropped, unacknowledged: unacknowledged(credit) };
}

export class Subscriptions {
  readonly #byPattern = new MultiMap<Connection>();
  /** Connections whose totals have changed since the last save. */
  readonly #unsaved = new Set<Connection>();
  #saveTimer: ReturnType<typeof setTimeout> | null = null;

  /** Adds patterns to a connection's list. If one of them is refused, none is added. */
  subscribe(connection: Connection, patterns: readonly string[]): Outcome<SubscriptionList> {
    const refused = firstRefusal(connection, patterns);
    if (refused !== null) return refused;
    const all = [...new Set([...connection.state.patterns, ...patterns])];
    if (all.length > MAX_PATTERNS) {
      return failure("too_many_subscriptions", `a connection may have ${MAX_PATTERNS} subscriptions`);
    }
    return this.#change(connection, all);
  }

  /**
   * Removes patterns from a connection's list. If one of them is refused, none is removed. An absent pattern is not an
   * error.
   */
  unsubscribe(connection: Connection, patterns: readonly string[]): Outcome<SubscriptionList> {
    const refused = firstRefusal(connection, patterns);
    if (refused !== null) return refused;
    return this.#change(
      connection,
      connection.state.patterns.filter((pattern) => !patterns.includes(pattern)),
    );
  }

  /** The connections that have at least one pattern that matches `subject`. */
  matching(subject: string): Set<Connection> {
    const found = new Set<Connection>();
    for (const [pattern, subscribers] of this.#byPattern.entries()) {
      if (matches(pattern, subject)) for (const connection of subscribers) found.add(connection);
    }
    return found;
  }

  /** Sends a frame of `bytes` to every connection that subscribes to its subject. */
  deliver(subject: string, frame: string, bytes: number): Published {
    const published = { delivered: 0, dropped: 0 };
    for (const connection of this.matching(subject)) {
      published[connection.deliver(frame, bytes) ? "delivered" : "dropped"]++;
      this.#unsaved.add(connection);
    }
    if (this.#unsaved.size > 0) this.#saveTimer ??= setTimeout(() => this.#saveTotals(), SAVE_AFTER_MS);
    return published;
  }

  #saveTotals(): void {
    this.#saveTimer = null;
    const connections = [...this.#unsaved];
    this.#unsaved.clear();
    for (const connection of connections) connection.save();
  }

  /** Adds a connection's list to the index. */
  index(connection: Connection): void {
    for (const pattern of connection.state.patterns) {
      this.#byPattern.add(pattern, connection);
    }
  }

  /** Removes a connection from the index. */
  drop(connection: Connection): void {
    this.#unsaved.delete(connection);
    for (const pattern of connection.state.patterns) {
      this.#byPattern.delete(pattern, connection);
    }
  }

  #change(connection: Connection, patterns: readonly string[]): Outcome<SubscriptionList> {
    this.drop(connection);
    connection.state.patterns = patterns;
    connection.save();
    this.index(connection);
    return { ok: true, value: { patterns } };
  }
}

/** The refusal of the first pattern that the agent may not use; null if it may use all of them. */
function firstRefusal({ agentId }: Connection, patterns: readonly string[]): Outcome<never> | null {
  for (const pattern of patterns) {
    const permitted = agentMaySubscribe(agentId, pattern);
    if (!permitted.ok) return permitted;
  }
  return null;
}
