import { Show } from "solid-js";
import { RelativeTime } from "../components/RelativeTime.tsx";
import { type Agent, isOnline } from "./agent.ts";
import { isLate } from "./presence.ts";

/** When an agent was last heard. `stale`: what is shown may be out of date. */
export function LastSeen(props: { agent: Agent; stale: boolean }) {
  // Between two readings nothing tells of the heartbeats that came in time.
  const isHeard = () => isOnline(props.agent) && !isLate(props.agent) && !props.stale;
  return (
    <Show when={!isHeard()} fallback={<span title="Its heartbeats come in time.">now</span>}>
      <Show when={props.agent.lastSeen} keyed fallback={<span class="muted">never</span>}>
        {(time) => <RelativeTime time={time} />}
      </Show>
    </Show>
  );
}
