import { createUniqueId, For, Show } from "solid-js";
import { type Agent, isOnline } from "../../agents/agent.ts";
import { LastSeen } from "../../agents/LastSeen.tsx";
import { CopyButton } from "../../components/CopyButton.tsx";
import { Moment } from "../../components/RelativeTime.tsx";
import "./Facts.css";

/** What is known of an agent. Host names and labels may be right-to-left text, so they are isolated. */
export function Facts(props: { agent: Agent; stale: boolean }) {
  let id!: HTMLElement;
  const idLabel = createUniqueId();
  return (
    <dl class="facts">
      <dt id={idLabel}>Id</dt>
      <dd class="facts-id">
        <code ref={id}>{props.agent.id}</code>
        <CopyButton
          value={props.agent.id}
          describedBy={idLabel}
          onRefused={() => getSelection()?.selectAllChildren(id)}
        />
      </dd>
      <Show when={props.agent.labels.length > 0}>
        <dt>Labels</dt>
        <dd class="facts-labels">
          <For each={props.agent.labels}>{(label) => <bdi class="facts-label">{label}</bdi>}</For>
        </dd>
      </Show>
      <dt>Host name</dt>
      <dd>
        <bdi>{props.agent.hostname}</bdi>
      </dd>
      <dt>Address</dt>
      <dd>{props.agent.address ?? "–"}</dd>
      <dt>Version</dt>
      <dd>{props.agent.version}</dd>
      <dt>Platform</dt>
      <dd>
        {props.agent.os}/{props.agent.arch}
      </dd>
      <dt>Last seen</dt>
      <dd>
        <LastSeen agent={props.agent} stale={props.stale} />
      </dd>
      <dt>{isOnline(props.agent) ? "Connected since" : "Offline since"}</dt>
      <dd>
        <Moment time={props.agent.since} />
      </dd>
      <dt>Enrolled</dt>
      <dd>
        <Moment time={props.agent.createdAt} />
      </dd>
    </dl>
  );
}
