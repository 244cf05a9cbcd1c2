/**
 * The subscriptions of a hub's connections: docs/PROTOCOL.md "Fan-out". Each connection stores its own list of
 * patterns, which survives hibernation. The index in memory is built from these lists.
 */
import type { Outcome } from "../protocol/errors.ts";
import { agentMaySubscribe } from "../protocol/permissions.ts";
import { matches } from "../protocol/subject.ts";
import type { Connection } from "./connection.ts";
import { type Totals, unacknowledged } from "./credit.ts";
import { DelayedSaves } from "./delayed-saves.ts";
import { MultiMap } from "./multimap.ts";
import { type MaySubscribe, type SubscriptionList, withoutPatterns, withPatterns } from "./pattern-list.ts";

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

/** Whether a connection has at least one pattern that matches `subject`. */
export function subscribes({ state }: Connection, subject: string): boolean {
  return state.patterns.some((pattern) => matches(pattern, subject));
}

export class Subscriptions {
  readonly #byPattern = new MultiMap<Connection>();
  /** Connections whose totals have changed: one attachment for all messages of a time. */
  readonly #unsaved = new DelayedSaves<Connection>();

  /** Adds patterns to a connection's list: see {@link withPatterns}. */
  subscribe(connection: Connection, patterns: readonly string[]): Outcome<SubscriptionList> {
    return this.#change(connection, withPatterns(connection.state.patterns, patterns, permission(connection)));
  }

  /** Removes patterns from a connection's list: see {@link withoutPatterns}. */
  unsubscribe(connection: Connection, patterns: readonly string[]): Outcome<SubscriptionList> {
    return this.#change(connection, withoutPatterns(connection.state.patterns, patterns, permission(connection)));
  }

  /** The connections that have at least one pattern that matches `subject`. */
  matching(subject: string): Set<Connection> {
    const found = new Set<Connection>();
    for (const [pattern, subscribers] of this.#byPattern.entries()) {
      if (matches(pattern, subject)) for (const connection of subscribers) found.add(connection);
    }
    return found;
  }

  /** Sends a frame of `bytes` to these connections. */
  deliver(connections: Iterable<Connection>, frame: string, bytes: number): Published {
    const published = { delivered: 0, dropped: 0 };
    for (const connection of connections) {
      published[connection.deliver(frame, bytes) ? "delivered" : "dropped"]++;
      this.#unsaved.add(connection);
    }
    return published;
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

  #change(connection: Connection, changed: Outcome<SubscriptionList>): Outcome<SubscriptionList> {
    if (!changed.ok) return changed;
    this.drop(connection);
    connection.state.patterns = changed.value.patterns;
    connection.save();
    this.index(connection);
    return changed;
  }
}

function permission({ agentId }: Connection): MaySubscribe {
  return (pattern) => agentMaySubscribe(agentId, pattern);
}
