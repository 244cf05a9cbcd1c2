import { For, Show } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { readableName } from "../../agents/name.ts";
import { formatCount } from "../../components/format.ts";
import { useLiveView } from "../../useLive.ts";
import type { Token } from "./token.ts";
import "./TokenHosts.css";

/** So many hosts are in sight. */
const inSight = 3;

/** The hosts that enrolled with a token. */
export function TokenHosts(props: { token: Token }) {
  return (
    <>
      <Hosts agents={props.token.agents.slice(0, inSight)} />
      <Show when={props.token.agents.length > inSight}>
        <details class="token-hosts-more">
          <summary>{formatCount(props.token.uses - inSight)} more</summary>
          <Hosts agents={props.token.agents.slice(inSight)} />
          <Show when={props.token.uses > props.token.agents.length}>
            <p class="muted">and {formatCount(props.token.uses - props.token.agents.length)} earlier ones</p>
          </Show>
        </details>
      </Show>
    </>
  );
}

function Hosts(props: { agents: Token["agents"] }) {
  const live = useLiveView();
  return (
    <Show when={props.agents.length > 0}>
      <ul class="token-hosts">
        <For each={props.agents}>
          {(host) => (
            <li>
              {/* The name that it has now. A removed agent has no page. */}
              <Show when={live.agent(host.id)} fallback={<RemovedHost host={host} loaded={live.state.loaded} />}>
                {(agent) => (
                  <a class="link" href={`/agents/${encodeURIComponent(host.id)}`}>
                    <AgentName agent={agent()} />
                  </a>
                )}
              </Show>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function RemovedHost(props: { host: Token["agents"][number]; loaded: boolean }) {
  return (
    <span class="muted">
      <bdi>{readableName(props.host)}</bdi>
      {props.loaded ? " (removed)" : ""}
    </span>
  );
}
