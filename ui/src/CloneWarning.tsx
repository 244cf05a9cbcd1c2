import { Show } from "solid-js";
import { type Clone, hostLabels } from "./clone.ts";
import { formatExact } from "./RelativeTime.tsx";
import "./CloneWarning.css";

/** Says that two hosts share an identity, and which. Hostnames come from hosts: they are isolated in direction. */
export function CloneWarning(props: { clone: Clone }) {
  const labels = () => hostLabels(props.clone);
  return (
    <p class="clone-warning" title={`Last seen to be so: ${formatExact(props.clone.at)}`}>
      <Show
        when={labels().first !== labels().second}
        fallback={
          <>
            Two hosts share this identity, both seen as <bdi>{labels().first}</bdi>
          </>
        }
      >
        Two hosts share this identity: <bdi>{labels().first}</bdi> and <bdi>{labels().second}</bdi>
      </Show>
    </p>
  );
}
