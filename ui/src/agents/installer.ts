import { useQuery } from "@tanstack/solid-query";
import { call } from "../api.ts";
import { object, orNull, text } from "../json.ts";

/**
 * The line that installs the agent on a host and connects it to this manager. It asks for the token: an argument would
 * stay in the shell's history.
 */
export function installCommand(): string {
  return `curl -fsSL ${location.origin}/install.sh | sh`;
}

/** The release of the agent that this manager serves to hosts; null if it serves none. A page asks once. */
export function useServedAgent() {
  return useQuery(() => ({
    queryKey: ["served-agent"],
    queryFn: readServedAgent,
    staleTime: Number.POSITIVE_INFINITY,
  }));
}

async function readServedAgent({ signal }: { signal: AbortSignal }): Promise<string | null> {
  const answer = await call("/download/agents.json", { signal });
  return orNull(object(await answer.json(), "agents"), "version", text);
}
