import { For } from "solid-js";
import "./TimelineLegend.css";

const entries = [
  { look: "up", words: "online" },
  { look: "down", words: "outage" },
  { look: "away", words: "stopped, or the manager restarted" },
  { look: "unknown", words: "not known" },
];

/** What the colours and heights of the bars mean. The bars' own labels say it in words. */
export function TimelineLegend() {
  return (
    <ul class="timeline-legend detail" aria-hidden="true">
      <For each={entries}>
        {({ look, words }) => (
          <li>
            <span class={`timeline-legend-mark ${look}`} />
            {words}
          </li>
        )}
      </For>
    </ul>
  );
}
