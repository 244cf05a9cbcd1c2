import { Show } from "solid-js";
import { formatExact } from "../components/format.ts";
import { type Clone, hostLabels } from "./clone.ts";
import "./CloneWarning.css";

/**
 * Warns that two hosts share an identity, and names them. Hostnames may be right-to-left text, so they are isolated.
 */
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
