import { createMemo, For, Show } from "solid-js";
import { describePresence } from "../../agents/presence.ts";
import { useManagerClock } from "../../clock.ts";
import { formatDuration } from "../../components/duration.ts";
import { formatCount, formatExact, locale } from "../../components/format.ts";
import { Moment } from "../../components/RelativeTime.tsx";
import { type ConnectionEvent, formatShare } from "./history.ts";
import { beginsAt, countOf, type Kind, kindOf, type Segment, segmentsOf } from "./timelineBar.ts";
import "./TimelineBar.css";

/** Of the drawing; the page stretches it. */
const width = 1_000;
const height = 24;
/** A brief outage is drawn wider than it was, so that it is seen. */
const leastWidth = 4;
/** The states differ in height as well as in colour. */
const heights: Readonly<Record<Kind, number>> = { up: height, down: 11, away: 6 };

const isUp = ({ presence }: Segment) => kindOf(presence) === "up";

/** It moves on so often; a pixel is a minute or more. */
const stepMs = 10_000;

interface TimelineBarProps {
  /** The time that it covers, such as "24 hours". */
  title: string;
  lengthMs: number;
  /** Newest first. */
  events: readonly ConnectionEvent[];
  /** The share of the time that the agent was online. */
  uptime: number | null;
}

/** An agent's states as a bar, with its uptime. The list below it says the same in words. */
export function TimelineBar(props: TimelineBarProps) {
  const now = useManagerClock();
  const to = createMemo(() => Math.max(Math.floor(now() / stepMs) * stepMs, props.events[0]?.at ?? 0));
  const from = () => to() - props.lengthMs;
  const segments = createMemo(() => segmentsOf(props.events, from(), to()));
  const since = () => beginsAt(segments(), from());
  // Those that are drawn wider than they were are in front.
  const drawnOrder = () => segments().toSorted((a, b) => Number(isUp(b)) - Number(isUp(a)));
  const x = (time: number) => ((time - from()) / props.lengthMs) * width;

  const times = (count: number, one: string, many: string) => `${formatCount(count)} ${count === 1 ? one : many}`;
  const summary = () =>
    [
      `Last ${props.title}: ${formatShare(props.uptime)} online`,
      times(countOf(segments(), "down"), "outage", "outages"),
      times(countOf(segments(), "away"), "other absence", "other absences"),
    ].join(", ");
  const words = ({ from, to, presence }: Segment) =>
    `${describePresence(presence)}, ${formatDuration(to - from)} from ${formatExact(from)}`;

  return (
    <figure class="timeline-bar">
      <figcaption class="timeline-bar-head">
        <span>
          {props.title}
          <Show when={since()} keyed>
            {(time) => (
              <span class="muted">
                {" "}
                · since <Moment time={time} />
              </span>
            )}
          </Show>
        </span>
        <strong>
          <bdi lang={locale}>{formatShare(props.uptime)}</bdi>
        </strong>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={summary()}>
        <rect class="timeline-bar-unknown" y={height - 2} width={width} height={2} />
        <For each={drawnOrder()}>
          {(segment) => {
            const kind = kindOf(segment.presence);
            const wide = () => x(segment.to) - x(segment.from);
            const drawn = () => (kind === "up" ? wide() : Math.max(wide(), leastWidth));
            const left = () => Math.min(x(segment.from), width - drawn());
            return (
              <g>
                <title>{words(segment)}</title>
                <rect class="timeline-bar-gap" x={left()} width={drawn()} height={height} />
                <rect
                  class={`timeline-bar-${kind}`}
                  x={left()}
                  y={height - heights[kind]}
                  width={drawn()}
                  height={heights[kind]}
                />
              </g>
            );
          }}
        </For>
      </svg>
    </figure>
  );
}
