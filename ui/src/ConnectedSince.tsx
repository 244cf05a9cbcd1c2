import { createMemo } from "solid-js";
import { useManagerClock } from "./clock.ts";
import { formatExact } from "./RelativeTime.tsx";

const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dateOfAnotherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** When an agent connected: the time of day if that was today, else the date. The exact local time shows on hover. */
export function ConnectedSince(props: { time: number }) {
  const now = useManagerClock();
  const words = createMemo(() => {
    const then = new Date(props.time);
    const today = new Date(now());
    if (then.toDateString() === today.toDateString()) return clockTime.format(then);
    return (then.getFullYear() === today.getFullYear() ? date : dateOfAnotherYear).format(then);
  });
  return (
    <time datetime={new Date(props.time).toISOString()} title={formatExact(props.time)}>
      {words()}
    </time>
  );
}
