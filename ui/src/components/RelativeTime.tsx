import { createMemo } from "solid-js";
import { useManagerClock } from "../clock.ts";
import { formatAge, formatExact, formatMoment, locale } from "./format.ts";

export interface TimeProps {
  /** Unix milliseconds on the manager's clock. */
  time: number;
}

/** A moment as "3m ago", the exact local time on hover. */
export function RelativeTime(props: TimeProps) {
  return <Time time={props.time} format={(now) => formatAge(now - props.time)} />;
}

/** A moment as the time of day if it is today, else as its date. The exact local time shows on hover. */
export function Moment(props: TimeProps) {
  return <Time time={props.time} format={(now) => formatMoment(props.time, now)} />;
}

/** Isolated, because some languages write times from right to left. */
export function Time(props: TimeProps & { format: (now: number) => string }) {
  const now = useManagerClock();
  const words = createMemo(() => props.format(now()));
  return (
    <bdi lang={locale}>
      <time datetime={new Date(props.time).toISOString()} title={formatExact(props.time)}>
        {words()}
      </time>
    </bdi>
  );
}
