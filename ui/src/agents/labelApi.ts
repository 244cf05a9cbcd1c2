import { agentRoute, call, read } from "../api.ts";
import { type Agent, parseAgent } from "./agent.ts";

/** Gives an agent this whole list of labels. Fails with `unknown_agent`, or with status 400 if the manager refuses it. */
export async function setLabels(id: string, labels: readonly string[]): Promise<Agent> {
  return read(await call(agentRoute(id), { method: "PATCH", body: { labels } }), parseAgent);
}
