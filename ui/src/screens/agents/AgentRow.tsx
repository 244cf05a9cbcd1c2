import { createMemo, Show } from "solid-js";
import { AgentMenu } from "../../agents/AgentMenu.tsx";
import { AgentName } from "../../agents/AgentName.tsx";
import { type Agent, isOnline } from "../../agents/agent.ts";
import { CloneBadge, CloneHosts } from "../../agents/CloneWarning.tsx";
import { FlappingBadge } from "../../agents/FlappingBadge.tsx";
import { LastSeen } from "../../agents/LastSeen.tsx";
import { agentPath, readableName, shortId } from "../../agents/name.ts";
import { StatusBadge } from "../../agents/StatusBadge.tsx";
import { Moment } from "../../components/RelativeTime.tsx";
import { withParams } from "../../router.ts";
import { useLiveView } from "../../useLive.ts";
import { RowLabels } from "./RowLabels.tsx";
import type { Selection } from "./selection.ts";

interface AgentRowProps {
  id: string;
  /** Its place among all rows, from 0. */
  index: number;
  selection: Selection;
  /** The label filters of the list. */
  filters: readonly string[];
  /** Whether the row may be out of date. */
  stale: boolean;
  /** Whether its page is open. */
  opened: boolean;
  onMenu: (open: boolean) => void;
}

/** One agent; nothing if it has just been removed. */
export function AgentRow(props: AgentRowProps) {
  const live = useLiveView();
  return <Show when={live.agent(props.id)}>{(agent) => <Row {...props} agent={agent()} />}</Show>;
}

function Row(props: AgentRowProps & { agent: Agent }) {
  const live = useLiveView();
  const entry = createMemo(() => {
    live.changed();
    return live.roster.get(props.id);
  });
  const isTwin = createMemo(() => {
    live.changed();
    const now = entry();
    return now !== undefined && live.roster.isTwin(now);
  });
  const name = () => readableName(props.agent);
  /** What stands below the name: the host, if it is called otherwise, and what tells agents of the same name apart. */
  const below = () =>
    [props.agent.hostname === props.agent.name ? "" : props.agent.hostname, isTwin() ? shortId(props.id) : ""]
      .filter((part) => part !== "")
      .join(" · ");

  const onSelect = (event: MouseEvent & { currentTarget: HTMLInputElement }) =>
    props.selection.toggle(props.id, event.currentTarget.checked, event.shiftKey);

  return (
    <tr
      class="agent agents-columns"
      classList={{ selected: props.selection.has(props.id), opened: props.opened }}
      data-id={props.id}
      aria-rowindex={props.index + 2}
      style={{ "--agent-at": props.index }}
    >
      <td class="agents-select">
        <input
          type="checkbox"
          aria-label={`Select ${name()}`}
          checked={props.selection.has(props.id)}
          onClick={onSelect}
        />
      </td>
      <th scope="row" class="agents-name">
        <a
          class="cut agent-link"
          href={withParams(agentPath(props.id))}
          title={name()}
          aria-current={props.opened ? "true" : undefined}
        >
          <AgentName agent={props.agent} />
        </a>
        <Show when={props.agent.clone}>{(clone) => <CloneHosts clone={clone()} />}</Show>
        <Show when={props.agent.clone === null && below() !== ""}>
          <bdi class="cut detail" title={below()}>
            {below()}
          </bdi>
        </Show>
      </th>
      <td class="agents-status">
        <StatusBadge presence={props.agent} />
        <Show when={entry()?.flapping}>
          <FlappingBadge />
        </Show>
        <Show when={props.agent.clone}>{(clone) => <CloneBadge clone={clone()} />}</Show>
      </td>
      <td class="agents-seen">
        <span class="agent-seen-words">Last seen </span>
        <LastSeen agent={props.agent} stale={props.stale} />
        <Show when={isOnline(props.agent)}>
          <span class="cut detail">
            connected since <Moment time={props.agent.since} />
          </span>
        </Show>
      </td>
      <td class="agents-version cut" title={props.agent.version}>
        {props.agent.version}
      </td>
      <td class="agents-platform cut" title={`${props.agent.os}/${props.agent.arch}`}>
        {props.agent.os}/{props.agent.arch}
      </td>
      <td class="agents-address cut" title={props.agent.address ?? undefined}>
        {props.agent.address ?? "–"}
      </td>
      <td class="agents-labels">
        <RowLabels labels={props.agent.labels} filters={props.filters} of={name()} onMenu={props.onMenu} />
      </td>
      <td class="agents-actions">
        <AgentMenu agent={props.agent} onOpen={props.onMenu} />
      </td>
    </tr>
  );
}
