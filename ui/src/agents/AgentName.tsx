import type { Registration } from "./agent.ts";
import { readableName } from "./name.ts";

/** Names come from hosts and operators: they are isolated, because they may be written from right to left. */
export function AgentName(props: { agent: Registration }) {
  return <bdi>{readableName(props.agent)}</bdi>;
}
