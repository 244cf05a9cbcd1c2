import { createMemo, Show } from "solid-js";
import { AgentMenu } from "../../agents/AgentMenu.tsx";
import { AgentName } from "../../agents/AgentName.tsx";
import { type Agent, isFlapping, isOnline } from "../../agents/agent.ts";
import { CloneWarning } from "../../agents/CloneWarning.tsx";
import { FlappingBadge } from "../../agents/FlappingBadge.tsx";
import { isLate } from "../../agents/presence.ts";
import { StatusBadge } from "../../agents/StatusBadge.tsx";
import { useManagerClock } from "../../clock.ts";
import { Moment, RelativeTime } from "../../components/RelativeTime.tsx";
import { withParams } from "../../router.ts";

interface AgentRowProps {
  agent: Agent;
  /** Whether the row may be out of date. */
  stale: boolean;
  onMenu: (open: boolean) => void;
}

/**
 * One agent. Names come from hosts and operators: they are isolated, because they may be right-to-left, and the title
 * has the full name.
 */
export function AgentRow(props: AgentRowProps) {
  const now = useManagerClock();
  const flapping = createMemo(() => props.agent.flappingUntil > 0 && isFlapping(props.agent, now()));
  // Between two readings nothing tells of the heartbeats that came in time.
  const isHeard = () => isOnline(props.agent) && !isLate(props.agent) && !props.stale;

  return (
    <tr class="agent">
      <th scope="row" class="agent-name">
        <a class="cut" href={withParams(`/agents/${encodeURIComponent(props.agent.id)}`)} title={props.agent.name}>
          <AgentName agent={props.agent} />
        </a>
        <Show when={props.agent.hostname !== props.agent.name}>
          <bdi class="cut detail" title={props.agent.hostname}>
            {props.agent.hostname}
          </bdi>
        </Show>
        <Show when={props.agent.clone}>{(clone) => <CloneWarning clone={clone()} />}</Show>
      </th>
      <td class="agent-status">
        <div class="badges">
          <StatusBadge presence={props.agent} />
          <Show when={flapping()}>
            <FlappingBadge />
          </Show>
        </div>
      </td>
      <td class="agent-seen">
        <Show when={!isHeard()} fallback={<span title="Its heartbeats come in time.">now</span>}>
          <Show when={props.agent.lastSeen} keyed fallback={<span class="muted">never</span>}>
            {(time) => <RelativeTime time={time} />}
          </Show>
        </Show>
        <Show when={isOnline(props.agent)}>
          <span class="detail">
            connected since <Moment time={props.agent.since} />
          </span>
        </Show>
      </td>
      <td class="agent-version">
        <span class="cut" title={props.agent.version}>
          {props.agent.version}
        </span>
      </td>
      <td class="agent-platform">
        <span class="cut">
          {props.agent.os}/{props.agent.arch}
        </span>
      </td>
      <td class="agent-address" classList={{ absent: props.agent.address === null }}>
        <span>{props.agent.address ?? "–"}</span>
      </td>
      <td class="agent-actions">
        <AgentMenu agent={props.agent} onOpen={props.onMenu} />
      </td>
    </tr>
  );
}
