import { useQuery } from "@tanstack/solid-query";
import { onCleanup } from "solid-js";
import { takeUnattended } from "../../attendance.ts";
import type { LiveView } from "../../useLive.ts";
import { readToken } from "./tokenApi.ts";

/**
 * Nothing tells that a host was refused, or that somebody else has revoked the token, so it is read so often while
 * somebody looks: one row.
 */
const readEveryMs = 5_000;
/** The same when no further host can enrol. One that tries is still refused, and that may be the one that was meant. */
const readOverEveryMs = 15_000;

/** Hosts that enrol together need one reading. */
const gatherMs = 250;

/** What has become of an enrolment token. It is read whenever an agent is new, since that agent may be its host. */
export function useToken(id: string, live: LiveView) {
  const query = useQuery(() => ({
    queryKey: ["token", id],
    queryFn: ({ signal }) => readToken(id, signal, takeUnattended()),
    // A query without data suspends, which takes the dialog out of the page for a moment: it would no longer be modal.
    initialData: null,
    initialDataUpdatedAt: 0,
    refetchInterval: ({ state }) => ((state.data?.status ?? "active") === "active" ? readEveryMs : readOverEveryMs),
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
