import { useQuery } from "@tanstack/solid-query";
import { onCleanup } from "solid-js";
import { takeUnattended } from "../../attendance.ts";
import type { LiveView } from "../../useLive.ts";
import { readToken } from "./tokenApi.ts";

/** Nothing tells that somebody else has revoked the token, so it is read so often. */
const readEveryMs = 15_000;

/** Hosts that enrol together need one reading. */
const gatherMs = 250;

/** What has become of an enrolment token. It is read whenever an agent is new, since that agent may be its host. */
export function useToken(id: string, live: LiveView) {
  const query = useQuery(() => ({
    queryKey: ["token", id],
    queryFn: async ({ signal }) => (await readToken(id, signal, takeUnattended())) ?? null,
    refetchInterval: ({ state }) => ((state.data?.status ?? "active") === "active" ? readEveryMs : false),
  }));

  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  live.subscribe((changes) => {
    if (!changes.some(({ before, after }) => before === undefined && after !== undefined)) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      void query.refetch();
    }, gatherMs);
  });

  return query;
}
