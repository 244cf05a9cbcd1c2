import { Show } from "solid-js";
import { useManagerClock } from "../../clock.ts";
import { formatMs } from "../../components/duration.ts";
import { locale } from "../../components/format.ts";
import { Moment } from "../../components/RelativeTime.tsx";
import { type Reading, rangeOf, stepLine } from "./readings.ts";
import "./Trend.css";

/** Of the drawing; the page stretches it. */
const width = 1_000;
const height = 100;

interface TrendProps {
  title: string;
  /** What the value is, and for whom. */
  explanation: string;
  readings: readonly Reading[];
}

/** A time that changes: its present value, its range, and a line of it since the page was opened. */
export function Trend(props: TrendProps) {
  const now = useManagerClock();
  const current = () => props.readings.at(-1)?.value ?? null;
  const range = () => rangeOf(props.readings);
  const rangeWords = () => {
    const known = range();
    if (known === null) return "";
    const { min, max } = known;
    return min === max ? formatMs(min) : `${formatMs(min)} – ${formatMs(max)}`;
  };

  return (
    <div class="trend">
      <div class="trend-head">
        <span class="muted" title={props.explanation}>
          {props.title}
        </span>
        <strong class="trend-value">
          <bdi lang={locale}>{current() === null ? "–" : formatMs(current() ?? 0)}</bdi>
        </strong>
      </div>
      <svg
        class="trend-line"
        viewBox={`0 -4 ${width} ${height + 8}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={range() === null ? `${props.title}: not known yet` : `${props.title}: ${rangeWords()}`}
      >
        <path d={stepLine(props.readings, now(), width, height)} vector-effect="non-scaling-stroke" />
      </svg>
      <p class="detail">
        <bdi lang={locale}>{rangeWords()}</bdi>
        <Show when={props.readings[0]}>
          {(first) => (
            <>
              {" "}
              since <Moment time={first().at} />
            </>
          )}
        </Show>
      </p>
    </div>
  );
}
