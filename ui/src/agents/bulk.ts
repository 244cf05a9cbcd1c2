import { call, read } from "../api.ts";
import { array, object, text } from "../json.ts";
import type { Fact } from "../live/facts.ts";
import type { Agent } from "./agent.ts";
import { changedLabels, type LabelChange } from "./labelChange.ts";

/** What is done to many agents: docs/API.md "Several agents at once". */
export type BulkAction = { readonly action: "revoke" | "remove" } | ({ readonly action: "label" } & LabelChange);

/** What became of one agent, as the manager says it. */
export interface Outcome {
  readonly id: string;
  readonly code: string;
}

/** The agents of one call. The manager takes 500, but works on 100 at a time: with so many the progress is seen. */
const chunkSize = 100;

/** Timeout of a call, in ms. The manager tells every hub that has one of the agents. */
const answerWithinMs = 30_000;

/**
 * Does the same to many agents, chunk by chunk, and reports the outcomes of each. A call that fails ends it, because the
 * others would fail too.
 * @throws ApiError
 */
export async function actOnAll(
  action: BulkAction,
  ids: readonly string[],
  signal: AbortSignal,
  onOutcomes: (outcomes: readonly Outcome[]) => void,
): Promise<void> {
  for (let start = 0; start < ids.length; start += chunkSize) {
    if (signal.aborted) return;
    const body = { ...requested(action), ids: ids.slice(start, start + chunkSize) };
    // Without the signal: the manager goes on in any case, and the page shows what it has done.
    const response = await call("/api/agents/bulk", { method: "POST", body, withinMs: answerWithinMs });
    onOutcomes(await read(response, parseOutcomes));
  }
}

/** The manager takes no empty list. */
function requested(action: BulkAction) {
  if (action.action !== "label") return { action: action.action };
  const { add, remove } = action;
  return { action: "label", ...(add.length > 0 && { add }), ...(remove.length > 0 && { remove }) };
}

function parseOutcomes(body: unknown): Outcome[] {
  return array(object(body, "body").results, "results", (item) => {
    const result = object(item, "result");
    return { id: text(result, "id"), code: text(result, "outcome") };
  });
}

/** Why it was not done to an agent, in a sentence; null if it was. */
export function explainOutcome({ action }: BulkAction, code: string): string | null {
  switch (code) {
    case "done":
      return null;
    case "unknown_agent":
      // An agent that is gone is as removed as it can be.
      return action === "remove" ? null : "It has been removed.";
    case "too_many_labels":
      return "It would have more than 16 labels, so it keeps those that it has.";
    case "hub_unavailable":
      return `It is ${action === "remove" ? "removed" : "revoked"}, but its connection may still be open for a while. Try again.`;
    case "registry_unavailable":
      return "The manager could not reach its database. Try again.";
    default:
      return `The manager says: ${code.replaceAll("_", " ")}.`;
  }
}

/**
 * What the outcome tells of an agent; undefined if nothing. `before` is the agent when the call was made, and `now` is the
 * agent as it is known. If its revision has changed meanwhile, the feed was faster, and may know of a later change.
 */
export function factOf(action: BulkAction, { id, code }: Outcome, before: Agent, now: Agent): Fact | undefined {
  if (code === "unknown_agent" || (action.action === "remove" && (code === "done" || code === "hub_unavailable"))) {
    return { kind: "removed", id };
  }
  if (code !== "done" || now.revision !== before.revision) return undefined;
  return action.action === "label"
    ? { kind: "row", agent: { ...now, labels: changedLabels(now.labels, action) } }
    : { kind: "row", agent: { ...now, revokedAt: now.revokedAt ?? Date.now() } };
}
