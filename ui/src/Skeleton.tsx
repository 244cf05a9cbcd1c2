import { For } from "solid-js";
import "./Skeleton.css";

/** The table's outline until the first answer. It fades in late, so a fast manager never shows it. */
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
