import { createEffect, createMemo, on, Show } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { type Agent, isFlapping, isRevoked } from "../../agents/agent.ts";
import { useAgentDialogs } from "../../agents/agentDialogs.tsx";
import { CloneBadge, CloneHosts } from "../../agents/CloneWarning.tsx";
import { FlappingBadge, flappingExplanation } from "../../agents/FlappingBadge.tsx";
import { useStale } from "../../agents/Freshness.tsx";
import { readableName } from "../../agents/name.ts";
import { explainPresence } from "../../agents/presence.ts";
import { StatusBadge } from "../../agents/StatusBadge.tsx";
import { useManagerClock } from "../../clock.ts";
import { Drawer } from "../../components/Drawer.tsx";
import { rescueFocus } from "../../components/focus.ts";
import { PageSection } from "../../components/PageSection.tsx";
import { useLiveView } from "../../useLive.ts";
import { Facts } from "./Facts.tsx";
import { History } from "./History.tsx";
import { Ping } from "./Ping.tsx";
import { RequestForm } from "./RequestForm.tsx";
import { Subscriptions } from "./Subscriptions.tsx";
import { Trends } from "./Trends.tsx";
import "./AgentPage.css";

/** One agent, at /agents/<id>. */
export default function AgentPage(props: { id: string; onClose: () => void }) {
  const live = useLiveView();
  const agent = () => live.agent(props.id);
  /** Still known when somebody else removes it. */
  const name = createMemo<string | undefined>((before) => {
    const known = agent();
    return known === undefined ? before : readableName(known);
  });

  // What had the focus is gone with the agent.
  createEffect(on(agent, (known) => known === undefined && queueMicrotask(rescueFocus), { defer: true }));

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
      <Show when={agent()} fallback={<Absence name={name()} loaded={live.state.loaded} />}>
        {(known) => <Content agent={known()} onRemoved={props.onClose} />}
      </Show>
    </Drawer>
  );
}

function Absence(props: { name: string | undefined; loaded: boolean }) {
  return (
    <p class="muted" role="status">
      <Show when={props.loaded} fallback="Loading…">
        <Show when={props.name} fallback="There is no such agent. It may have been removed.">
          {(name) => (
            <>
              <bdi>{name()}</bdi> was removed.
            </>
          )}
        </Show>
      </Show>
    </p>
  );
}

function Content(props: { agent: Agent; onRemoved: () => void }) {
  const live = useLiveView();
  const stale = useStale(live.state);
  const now = useManagerClock();
  const dialogs = useAgentDialogs();
  const flapping = createMemo(() => isFlapping(props.agent, now()));

  return (
    <>
      <div class="agent-page-status">
        <div class="agent-page-badges">
          <StatusBadge presence={props.agent} />
          <Show when={flapping()}>
            <FlappingBadge />
          </Show>
          <Show when={props.agent.clone}>{(clone) => <CloneBadge clone={clone()} />}</Show>
        </div>
        <Show when={explainPresence(props.agent)}>{(words) => <p class="muted">{words()}</p>}</Show>
        <Show when={flapping()}>
          <p class="muted">{flappingExplanation}</p>
        </Show>
        <Show when={props.agent.clone}>
          {(clone) => (
            <div class="agent-page-clone">
              <p>Two hosts share this identity:</p>
              <CloneHosts clone={clone()} />
              <button class="button" type="button" onClick={() => dialogs.separate(props.agent, clone())}>
                Give the copy its own identity…
              </button>
            </div>
          )}
        </Show>
      </div>
      {/* None of them comes or goes with the connection: a button that vanishes takes the focus with it. */}
      <div class="agent-page-actions">
        <button class="button" type="button" onClick={() => dialogs.rename(props.agent)}>
          Rename…
        </button>
        <button class="button" type="button" onClick={() => dialogs.label(props.agent)}>
          Labels…
        </button>
        <button class="button" type="button" onClick={() => dialogs.rotate(props.agent)}>
          Rotate token…
        </button>
        <Show when={!isRevoked(props.agent)}>
          <button class="button agent-page-danger" type="button" onClick={() => dialogs.revoke(props.agent)}>
            Revoke…
          </button>
        </Show>
        <button
          class="button agent-page-danger"
          type="button"
          onClick={() => dialogs.remove(props.agent, props.onRemoved)}
        >
          Remove…
        </button>
      </div>
      <Ping agent={props.agent} />
      <Facts agent={props.agent} stale={stale()} />
      <Trends agent={props.agent} />
      <History agent={props.agent} />
      <Subscriptions agent={props.agent} />
      <PageSection title="Send a request">
        <RequestForm agent={props.agent} />
      </PageSection>
    </>
  );
}
