import { useQuery } from "@tanstack/solid-query";
import { createEffect, createMemo, on } from "solid-js";
import type { Agent } from "../../agents/agent.ts";
import { takeUnattended } from "../../attendance.ts";
import { listEvents, readUptime } from "./agentApi.ts";

/** After an error, and while the timeline does not have the agent's present status yet. */
export const readHistoryAgainMs = 5_000;

/** The timeline and the uptime of one agent, read whenever the feed tells that it came or went. */
export function useHistory(agent: () => Agent) {
  const query = useQuery(() => ({
    queryKey: ["history", agent().id],
    queryFn: async ({ signal }) => {
      const { id } = agent();
      const unattended = takeUnattended();
      const [uptime, events] = await Promise.all([
        readUptime(id, signal, unattended),
        listEvents(id, signal, unattended),
      ]);
      return { uptime, events };
    },
    // The hub tells of a change before the database has it.
    refetchInterval: ({ state }) =>
      state.error !== null || (state.data?.events[0]?.status ?? "offline") !== agent().status
        ? readHistoryAgainMs
        : false,
    reconcile: "at",
  }));

  const stretch = createMemo(() => `${agent().status} ${agent().since} ${agent().generation}`);
  createEffect(on(stretch, () => void query.refetch(), { defer: true }));

  return query;
}
