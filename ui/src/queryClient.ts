import { MutationCache, QueryCache, QueryClient } from "@tanstack/solid-query";
import { ApiError } from "./api.ts";

/** A query client that reports when the manager no longer accepts the session, whichever call noticed it. */
export function createQueryClient(onSessionEnd: () => void): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.status === 401 && error.code !== "wrong_password") onSessionEnd();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      // No retry: the next reading comes soon. `networkMode`: the manager may run on this machine, so it can be reachable
      // even if the browser reports that it is offline.
      queries: { retry: false, networkMode: "always" },
      mutations: { networkMode: "always" },
    },
  });
}
