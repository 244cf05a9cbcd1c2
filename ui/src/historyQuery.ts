import { useQuery } from "@tanstack/solid-query";
import { createEffect, on } from "solid-js";
import type { Agent } from "./agent.ts";
import { listEvents, readUptime } from "./api.ts";

const pollEveryMs = 5_000;

/** The timeline and the uptime of one agent, polled every 5 s and whenever its status changes. */
export function useHistory(agent: Agent) {
  const query = useQuery(() => ({
    queryKey: ["history", agent.id],
    queryFn: async ({ signal }) => {
      const [uptime, events] = await Promise.all([readUptime(agent.id, signal), listEvents(agent.id, signal)]);
      return { uptime, events };
    },
    refetchInterval: pollEveryMs,
    refetchIntervalInBackground: false,
    reconcile: "at",
  }));

  createEffect(
    on([() => agent.status, () => agent.since], () => void query.refetch(), {
      defer: true,
    }),
  );

  return query;
}
