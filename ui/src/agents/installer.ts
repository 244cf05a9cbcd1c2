import { useQueryClient } from "@tanstack/solid-query";
import { createSignal } from "solid-js";
import { call } from "../api.ts";
import { object, orNull, text } from "../json.ts";

/**
 * The line that installs the agent on a host and connects it to this manager. It asks for the token: an argument would
 * stay in the shell's history.
 */
export function installCommand(): string {
  return `curl -fsSL ${location.origin}/install.sh | sh`;
}

/**
 * The release of the agent that this manager serves to hosts; null if it serves none, undefined until that is known. A page
 * asks once. It is a signal, because a query without data suspends: a dialog that shows it would lose the focus.
 */
export function useServedAgent(): () => string | null | undefined {
  const [served, setServed] = createSignal<string | null>();
  useQueryClient()
    .fetchQuery({ queryKey: ["served-agent"], queryFn: readServedAgent, staleTime: Number.POSITIVE_INFINITY })
    .then(setServed, () => setServed(null));
  return served;
}

async function readServedAgent({ signal }: { signal: AbortSignal }): Promise<string | null> {
  const answer = await call("/download/agents.json", { signal });
  return orNull(object(await answer.json(), "agents"), "version", text);
}
