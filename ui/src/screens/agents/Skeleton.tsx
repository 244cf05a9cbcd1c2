import { For } from "solid-js";
import "./Skeleton.css";

/**
 * The table's outline until the first answer. It fades in after a delay, so it does not appear if the manager is fast.
 */
export function Skeleton() {
  return (
    <div class="panel skeleton" role="progressbar" aria-label="Loading agents">
      <For each={["a", "b", "c", "d"]}>
        {() => (
          <div class="skeleton-row">
            <span class="skeleton-bar" />
            <span class="skeleton-bar" />
            <span class="skeleton-bar" />
            <span class="skeleton-bar" />
          </div>
        )}
      </For>
    </div>
  );
}
