import { ApiError, removeAgent, revokeAgent } from "../api.ts";
import type { Fact } from "../live/facts.ts";

export type BulkAction = "revoke" | "remove";

/** What became of one agent: the manager's answer, or why it failed. */
export type Outcome = { readonly id: string; readonly fact: Fact } | { readonly id: string; readonly error: Error };

/**
 * Does the same to many agents, one after the other. It reports each outcome, and goes on after a failure, unless none of
 * the others could succeed.
 * @throws ApiError if the session is over, or the manager cannot be reached
 */
export async function actOnAll(
  action: BulkAction,
  ids: readonly string[],
  signal: AbortSignal,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  for (const id of ids) {
    if (signal.aborted) return;
    try {
      onOutcome({ id, fact: await actOn(action, id) });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401 || error.code === "unreachable") throw error;
      onOutcome({ id, error });
    }
  }
}

async function actOn(action: BulkAction, id: string): Promise<Fact> {
  if (action === "revoke") return { kind: "row", agent: await revokeAgent(id) };
  await removeAgent(id);
  return { kind: "removed", id };
}
