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
      // The next poll is the retry. The manager may be on this machine, reachable although the browser reports to be
      // offline.
      queries: { retry: false, networkMode: "always" },
      mutations: { networkMode: "always" },
    },
  });
}
