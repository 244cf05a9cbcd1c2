import { Show } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { explainPresence } from "../../agents/presence.ts";
import { StatusBadge } from "../../agents/StatusBadge.tsx";
import { Drawer } from "../../components/Drawer.tsx";
import { useLiveView } from "../../useLive.ts";
import "./AgentPage.css";

/** One agent, at /agents/<id>. */
export default function AgentPage(props: { id: string; onClose: () => void }) {
  const live = useLiveView();
  const agent = () => live.agent(props.id);
  return (
    <Drawer
      title={
        <Show when={agent()} fallback="Agent">
          {(known) => <AgentName agent={known()} />}
        </Show>
      }
      from="Agents"
      onClose={props.onClose}
    >
      <Show
        when={agent()}
        fallback={
          <p class="muted">{live.state.loaded ? "There is no such agent. It may have been removed." : "Loading…"}</p>
        }
      >
        {(known) => (
          <>
            <StatusBadge presence={known()} />
            <Show when={explainPresence(known())}>{(words) => <p class="muted">{words()}</p>}</Show>
            <dl class="agent-page-facts">
              <dt>Id</dt>
              <dd>{known().id}</dd>
              <dt>Host name</dt>
              <dd>
                <bdi>{known().hostname}</bdi>
              </dd>
              <dt>Address</dt>
              <dd>{known().address ?? "–"}</dd>
              <dt>Version</dt>
              <dd>{known().version}</dd>
              <dt>Platform</dt>
              <dd>
                {known().os}/{known().arch}
              </dd>
            </dl>
          </>
        )}
      </Show>
    </Drawer>
  );
}
