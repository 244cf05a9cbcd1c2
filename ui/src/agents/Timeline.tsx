import { For } from "solid-js";
import { useManagerClock } from "../clock.ts";
import { formatExact } from "../components/format.ts";
import { type ConnectionEvent, explainClose, formatDuration } from "./history.ts";
import { StatusBadge } from "./StatusBadge.tsx";
import "./Timeline.css";

// To the second, as in logs. A timeline of 30 days needs no year.
const moment = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});

/** An agent's connections and outages, newest first. The duration of the current one is updated every second. */
export function Timeline(props: { events: readonly ConnectionEvent[] }) {
  const now = useManagerClock();
  const duration = (event: ConnectionEvent) =>
    event.durationMs === null ? `${formatDuration(now() - event.at)} so far` : formatDuration(event.durationMs);

  return (
    <table class="timeline">
      <thead>
        <tr>
          <th scope="col">From</th>
          <th scope="col">State</th>
          <th scope="col">For</th>
          <th scope="col">Address</th>
          <th scope="col">Close code</th>
        </tr>
      </thead>
      <tbody>
        <For each={props.events}>
          {(event) => (
            <tr>
              <td class="timeline-at">
                <time datetime={new Date(event.at).toISOString()} title={formatExact(event.at)}>
                  {moment.format(event.at)}
                </time>
              </td>
              <td class="timeline-state">
                <StatusBadge presence={event} />
              </td>
              <td class="timeline-duration">{duration(event)}</td>
              <td class="timeline-address" classList={{ absent: event.address === null }}>
                {event.address ?? "–"}
              </td>
              <td
                class="timeline-code"
                classList={{ absent: event.closeCode === null }}
                title={explainClose(event.closeCode) ?? undefined}
              >
                {event.closeCode ?? "–"}
              </td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}
