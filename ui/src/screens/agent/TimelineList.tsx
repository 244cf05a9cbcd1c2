import { createSignal, For, Show } from "solid-js";
import { StatusBadge } from "../../agents/StatusBadge.tsx";
import { useManagerClock } from "../../clock.ts";
import { formatRecent } from "../../components/dateAndTime.ts";
import { formatDuration } from "../../components/duration.ts";
import { formatCount, formatExact, locale } from "../../components/format.ts";
import { explainClose } from "./closeCodes.ts";
import type { ConnectionEvent } from "./history.ts";
import "./TimelineList.css";

/** So many entries are shown at first. */
const atFirst = 5;

/** An agent's connections and outages, newest first. The duration of the current one is updated every second. */
export function TimelineList(props: { events: readonly ConnectionEvent[] }) {
  let list!: HTMLOListElement;
  const now = useManagerClock();
  const [shown, setShown] = createSignal(atFirst);
  const duration = (event: ConnectionEvent) =>
    event.durationMs === null ? `${formatDuration(now() - event.at)} so far` : formatDuration(event.durationMs);

  const showAll = () => {
    setShown(Number.POSITIVE_INFINITY);
    // The button is gone, so the focus goes to the first of those that are new.
    const next = list.children[atFirst];
    if (next instanceof HTMLElement) next.focus({ preventScroll: true });
  };

  return (
    <>
      <ol class="timeline" aria-label="Connection timeline" ref={list}>
        <For each={props.events.slice(0, shown())}>
          {(event) => (
            <li class="timeline-event" tabindex="-1">
              <StatusBadge presence={event} />
              <span class="timeline-duration">{duration(event)}</span>
              <span class="timeline-at detail">
                <bdi lang={locale}>
                  <time datetime={new Date(event.at).toISOString()} title={formatExact(event.at)}>
                    {formatRecent(event.at)}
                  </time>
                </bdi>
                <Show when={event.address}>{(address) => <> · {address()}</>}</Show>
              </span>
              <Show when={event.closeCode} keyed>
                {(code) => (
                  <span class="timeline-close detail">
                    Close code {code}: {explainClose(code) ?? "not one that the manager or the agent sends"}.
                  </span>
                )}
              </Show>
            </li>
          )}
        </For>
      </ol>
      <Show when={props.events.length > shown()}>
        <button class="button timeline-more" type="button" onClick={showAll}>
          Show all {formatCount(props.events.length)}
        </button>
      </Show>
    </>
  );
}
