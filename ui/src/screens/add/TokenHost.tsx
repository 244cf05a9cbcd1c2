import { Show } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { agentPath } from "../../agents/name.ts";
import { explainPresence } from "../../agents/presence.ts";
import { StatusBadge } from "../../agents/StatusBadge.tsx";
import { withParams } from "../../router.ts";
import { useLiveView } from "../../useLive.ts";

/** A host that has enrolled with a token. Its host name and address tell whether it is the one that was meant. */
export function TokenHost(props: { id: string; onOpen: () => void }) {
  const live = useLiveView();
  return (
    <Show when={live.agent(props.id)}>
      {(agent) => (
        <li>
          <a class="cut" href={withParams(agentPath(props.id))} onClick={() => props.onOpen()}>
            <AgentName agent={agent()} />
          </a>
          <StatusBadge presence={agent()} />
          <span class="detail">
            <bdi>{agent().hostname}</bdi>
            <Show when={agent().address}>{(address) => <> · {address()}</>}</Show>
          </span>
          <Show when={agent().reason !== null && explainPresence(agent())}>
            {(words) => <span class="detail">{words()}</span>}
          </Show>
        </li>
      )}
    </Show>
  );
}
