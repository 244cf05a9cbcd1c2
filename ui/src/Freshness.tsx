import { Show } from "solid-js";
import { ApiError } from "./api.ts";
import { formatAge } from "./RelativeTime.tsx";
import "./Freshness.css";

/**
 * The line under the heading: live, or the age of the table and the reason. It is always there, so that nothing moves.
 */
export function Freshness(props: { answered: boolean; staleMs: number | null; error: Error | null }) {
  const problem = () =>
    props.error instanceof ApiError && props.error.code !== "unreachable"
      ? `The manager answers with an error: ${props.error.message}`
      : "Manager unreachable.";

  return (
    <p class="freshness" classList={{ stale: props.staleMs !== null }}>
      {/* Only the problem is announced; the age beside it changes every second. */}
      <span role="alert">{props.staleMs === null ? "" : problem()}</span>
      <Show
        when={props.staleMs !== null}
        fallback={<span>{props.answered ? "Checked every second" : "Waiting for the manager…"}</span>}
      >
        <span> Last answer {formatAge(props.staleMs ?? 0)}, retrying.</span>
      </Show>
    </p>
  );
}
