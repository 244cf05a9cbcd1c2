import { createMemo } from "solid-js";
import { useManagerClock } from "./clock.ts";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "narrow" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

const units: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** The time since a moment, in its largest unit, rounded down. Less than 2 s ago, or in the future, is now. */
export function formatAge(ageMs: number): string {
  const seconds = Math.floor(ageMs / 1_000);
  for (const [unit, length] of units) {
    if (seconds >= length && seconds > 1) return relative.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

/** A moment in local time, to the second and with its zone. */
export function formatExact(time: number): string {
  return exact.format(time);
}

/** A moment on the manager's clock as "3m ago", the exact local time on hover. */
export function RelativeTime(props: { time: number }) {
  const now = useManagerClock();
  const age = createMemo(() => formatAge(now() - props.time));
  return (
    <time datetime={new Date(props.time).toISOString()} title={formatExact(props.time)}>
      {age()}
    </time>
  );
}
