import { Match, Switch } from "solid-js";
import { ApiError } from "../api.ts";
import { useClock } from "../clock.ts";
import { formatAge } from "../components/format.ts";
import { type LiveState, readBlockedEveryMs } from "../live/live.ts";
import "./Freshness.css";

/** A lost socket is often open again within this time, for example in a deployment. No problem is shown until then. */
const briefMs = 2_500;

/** Whether the table may be out of date for more than a moment. */
export function useStale(state: LiveState): () => boolean {
  const now = useClock();
  return () => state.status === "connecting" && state.knownAt !== null && now() - state.knownAt >= briefMs;
}

/**
 * The line under the heading: live, or the age of the table and the reason. It is always there, so that nothing moves.
 */
export function Freshness(props: { state: LiveState; stale: boolean }) {
  const now = useClock();
  const problem = () => {
    const { error } = props.state;
    if (error === null) return "Reconnecting…";
    return error instanceof ApiError && error.code !== "unreachable"
      ? `The manager answers with an error: ${error.message}`
      : "Manager unreachable.";
  };
  const age = () => formatAge(now() - (props.state.knownAt ?? now()));

  return (
    <p class="freshness" classList={{ stale: props.stale, live: props.state.status === "live" }}>
      {/* Only the problem is announced; the age beside it changes every second. */}
      <span role="alert">{props.stale ? problem() : ""}</span>
      <Switch>
        <Match when={props.stale}>
          <span> Last change known {age()}.</span>
        </Match>
        <Match when={props.state.status === "live"}>
          <span>Live</span>
        </Match>
        <Match when={props.state.status === "blocked"}>
          <span>Live updates are blocked; checked every {readBlockedEveryMs / 1_000} seconds</span>
        </Match>
        <Match when={true}>
          <span>{props.state.loaded ? "Reconnecting…" : "Waiting for the manager…"}</span>
        </Match>
      </Switch>
    </p>
  );
}
