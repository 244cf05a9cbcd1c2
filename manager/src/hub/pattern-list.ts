/** The patterns that one connection subscribes to: docs/PROTOCOL.md "Fan-out". */
import { failure, type Outcome } from "../protocol/errors.ts";

/** The largest number of patterns of one connection. They always fit into the socket's attachment. */
const MAX_PATTERNS = 32;

/** The answer to a client that changed its subscriptions: the whole new list. */
export type SubscriptionList = { readonly patterns: readonly string[] };

/** Whether the client may use a pattern. */
export type MaySubscribe = (pattern: string) => Outcome<string>;

/** The list with patterns added. If one of them is refused, none is added. */
export function withPatterns(
  list: readonly string[],
  added: readonly string[],
  maySubscribe: MaySubscribe,
): Outcome<SubscriptionList> {
  const refused = firstRefusal(added, maySubscribe);
  if (refused !== null) return refused;
  const patterns = [...new Set([...list, ...added])];
  return patterns.length > MAX_PATTERNS
    ? failure("too_many_subscriptions", `a connection may have ${MAX_PATTERNS} subscriptions`)
    : { ok: true, value: { patterns } };
}

/** The list with patterns removed. If one of them is refused, none is removed. An absent pattern is not an error. */
export function withoutPatterns(
  list: readonly string[],
  removed: readonly string[],
  maySubscribe: MaySubscribe,
): Outcome<SubscriptionList> {
  const refused = firstRefusal(removed, maySubscribe);
  if (refused !== null) return refused;
  return { ok: true, value: { patterns: list.filter((pattern) => !removed.includes(pattern)) } };
}

/** The refusal of the first pattern that the client may not use; null if it may use all of them. */
function firstRefusal(patterns: readonly string[], maySubscribe: MaySubscribe): Outcome<never> | null {
  for (const pattern of patterns) {
    const permitted = maySubscribe(pattern);
    if (!permitted.ok) return permitted;
  }
  return null;
}
