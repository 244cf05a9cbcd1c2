import { type QueryClient, useQuery } from "@tanstack/solid-query";
import type { Agent } from "./agent.ts";
import { listAgents } from "./api.ts";
import { noteManagerTime, useClock } from "./clock.ts";

const agentsKey = ["agents"];
const pollEveryMs = 1_000;

export type AgentsQuery = ReturnType<typeof useAgents>;

/** All agents, polled every second while the page is visible. Row objects keep their identity from poll to poll. */
export function useAgents() {
  return useQuery(() => ({
    queryKey: agentsKey,
    queryFn: async ({ signal }): Promise<Agent[]> => {
      const { agents, managerTime } = await listAgents(signal);
      if (managerTime !== null) noteManagerTime(managerTime);
      return agents;
    },
    refetchInterval: pollEveryMs,
    refetchIntervalInBackground: false,
    reconcile: "id",
  }));
}

/**
 * Shows the result of a mutation at once. Cancels a poll in progress: its answer may be older and would undo the
 * change.
 */
export async function amendAgents(client: QueryClient, amend: (agents: Agent[]) => Agent[]): Promise<void> {
  await client.cancelQueries({ queryKey: agentsKey });
  client.setQueryData<Agent[]>(agentsKey, (agents) => agents && amend(agents));
}

/** One failed poll is not reported; two in a row are. */
const staleAfterMs = 2_500;

/** The age of the data in ms once polls have failed for a while; null before that. */
export function useStaleness(query: AgentsQuery): () => number | null {
  const now = useClock();
  return () => {
    if (!query.isError || query.dataUpdatedAt === 0) return null;
    const age = now() - query.dataUpdatedAt;
    return age < staleAfterMs ? null : age;
  };
}
