import { batch, createSignal, onCleanup } from "solid-js";
import type { Agent } from "../../agents/agent.ts";
import { actOnAll, type BulkAction, explainOutcome, factOf, type Outcome } from "../../agents/bulk.ts";
import { formatCount } from "../../components/format.ts";
import { useLiveView } from "../../useLive.ts";
import type { Selection } from "./selection.ts";

const done = { revoke: "revoked", remove: "removed", label: "labelled" } as const;

export const countAgents = (count: number) => `${formatCount(count)} ${count === 1 ? "agent" : "agents"}`;

/** One action on the selected agents. Those that succeed are deselected; it can be run again for the others. */
export function useBulkRun(chosen: readonly Agent[], selection: Selection) {
  const live = useLiveView();
  const stopped = new AbortController();
  onCleanup(() => stopped.abort());

  const [left, setLeft] = createSignal(chosen);
  const [problems, setProblems] = createSignal<ReadonlyMap<string, string>>(new Map());
  const [isRunning, setRunning] = createSignal(false);

  const take = (action: BulkAction, outcomes: readonly Outcome[], before: ReadonlyMap<string, Agent>) => {
    const succeeded = new Set<string>();
    const failed = new Map(problems());
    for (const outcome of outcomes) {
      const problem = explainOutcome(action, outcome.code);
      if (problem === null) succeeded.add(outcome.id);
      else failed.set(outcome.id, problem);
      const [then, now] = [before.get(outcome.id), live.roster.get(outcome.id)?.agent];
      const fact = then && now && factOf(action, outcome, then, now);
      if (fact !== undefined) live.apply(fact);
    }
    setProblems(failed);
    setLeft((agents) => agents.filter(({ id }) => !succeeded.has(id)));
    selection.set([...selection.ids()].filter((id) => !succeeded.has(id)));
  };

  return {
    /** The agents to which it is not done. */
    left,
    /** Why it could not be done to an agent. */
    problem: (id: string) => problems().get(id),
    isRunning,
    /** @throws Error in words, if not all succeed */
    run: async (action: BulkAction) => {
      const ids = left().map(({ id }) => id);
      const before = new Map(ids.flatMap((id) => live.roster.get(id)?.agent ?? []).map((agent) => [agent.id, agent]));
      setProblems(new Map());
      setRunning(true);
      try {
        await actOnAll(action, ids, stopped.signal, (outcomes) => batch(() => take(action, outcomes, before)));
      } finally {
        setRunning(false);
      }
      const failed = problems().size;
      if (failed > 0) throw new Error(`${countAgents(failed)} could not be ${done[action.action]}.`);
    },
  };
}

export type BulkRun = ReturnType<typeof useBulkRun>;
