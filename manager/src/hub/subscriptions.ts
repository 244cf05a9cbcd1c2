/**
 * Who in a hub subscribes to what: docs/PROTOCOL.md "Fan-out". The index is in memory; the truth is each connection's
 * own list, which survives hibernation.
 */
import { failure, type Outcome } from "../protocol/errors.ts";
import { agentMaySubscribe } from "../protocol/permissions.ts";
import { matches } from "../protocol/subject.ts";
import type { Connection } from "./connection.ts";
import { type Totals, unacknowledged } from "./credit.ts";

/** Patterns that one connection may have; all of them fit into a socket's attachment with room to spare. */
const MAX_PATTERNS = 32;

/** The subscriptions of a connection after a change, as its agent is told. */
export type SubscriptionList = { readonly patterns: readonly string[] };

/** What became of a published message, in one hub or in all. */
export interface Published {
  /** Subscribers that it was sent to. */
  readonly delivered: number;
  /** Subscribers whose credit window had no room for it. */
  readonly dropped: number;
}

/** What an agent's connection subscribes to, and how far its subscriber is behind. */
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
  readonly #byPattern = new Map<string, Set<Connection>>();

  /** Adds patterns to a connection's: all of them, or on any fault none. Those it has already stay as they are. */
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
   * Takes patterns away: all of them, or on any fault none. A pattern that the connection does not have is no fault.
   */
  unsubscribe(connection: Connection, patterns: readonly string[]): Outcome<SubscriptionList> {
    const refused = firstRefusal(connection, patterns);
    if (refused !== null) return refused;
    return this.#change(
      connection,
      connection.state.patterns.filter((pattern) => !patterns.includes(pattern)),
    );
  }

  /** Each connection with a pattern that covers `subject`, once. */
  matching(subject: string): Set<Connection> {
    const found = new Set<Connection>();
    for (const [pattern, subscribers] of this.#byPattern) {
      if (matches(pattern, subject)) for (const connection of subscribers) found.add(connection);
    }
    return found;
  }

  /** Sends a frame of `bytes` to every connection that subscribes to its subject. */
  deliver(subject: string, frame: string, bytes: number): Published {
    const published = { delivered: 0, dropped: 0 };
    for (const connection of this.matching(subject)) {
      published[connection.deliver(frame, bytes) ? "delivered" : "dropped"]++;
    }
    return published;
  }

  /** Takes up the list of a connection that outlived the hub's memory. */
  index(connection: Connection): void {
    for (const pattern of connection.state.patterns) {
      const subscribers = this.#byPattern.get(pattern);
      if (subscribers === undefined) this.#byPattern.set(pattern, new Set([connection]));
      else subscribers.add(connection);
    }
  }

  /** Forgets a connection that is over. */
  drop(connection: Connection): void {
    for (const pattern of connection.state.patterns) {
      const subscribers = this.#byPattern.get(pattern);
      subscribers?.delete(connection);
      if (subscribers?.size === 0) this.#byPattern.delete(pattern);
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

/** Why the first of the patterns that its agent may not name is refused; null if it may name all. */
function firstRefusal({ agentId }: Connection, patterns: readonly string[]): Outcome<never> | null {
  for (const pattern of patterns) {
    const permitted = agentMaySubscribe(agentId, pattern);
    if (!permitted.ok) return permitted;
  }
  return null;
}
