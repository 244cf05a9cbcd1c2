import { type QueryClient, useQuery } from "@tanstack/solid-query";
import type { Agent } from "./agent.ts";
import { listAgents } from "./api.ts";
import { noteManagerTime, useClock } from "./clock.ts";

const agentsKey = ["agents"];
const pollEveryMs = 1_000;

export type AgentsQuery = ReturnType<typeof useAgents>;

/** All agents, asked for every second while the page is visible. Rows keep their identity from poll to poll. */
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

/** Shows the outcome of a mutation at once. A poll under way was answered before it, and would undo it for a second. */
export async function amendAgents(client: QueryClient, amend: (agents: Agent[]) => Agent[]): Promise<void> {
  await client.cancelQueries({ queryKey: agentsKey });
  client.setQueryData<Agent[]>(agentsKey, (agents) => agents && amend(agents));
}

/** One lost poll is not worth a word; two in a row are. */
const staleAfterMs = 2_500;

/** How old what is shown is, in ms, once polls have failed for a while; null while all is well. */
export function useStaleness(query: AgentsQuery): () => number | null {
  const now = useClock();
  return () => {
    if (!query.isError || query.dataUpdatedAt === 0) return null;
    const age = now() - query.dataUpdatedAt;
    return age < staleAfterMs ? null : age;
  };
}
