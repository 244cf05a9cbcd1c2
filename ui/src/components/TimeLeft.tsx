import { relative, units } from "./format.ts";
import { Time, type TimeProps } from "./RelativeTime.tsx";

/** A moment to come, as "in 3m". */
export function TimeLeft(props: TimeProps) {
  return <Time time={props.time} format={(now) => formatLeft(props.time - now)} />;
}

/** The time until a moment, in its largest unit, rounded down. */
function formatLeft(leftMs: number): string {
  const seconds = Math.max(1, Math.floor(leftMs / 1_000));
  const [unit, length] = units.find(([, length]) => seconds >= length) ?? ["second", 1];
  return relative.format(Math.floor(seconds / length), unit);
}
