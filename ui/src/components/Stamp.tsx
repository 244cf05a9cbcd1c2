import { formatStamp } from "./dateAndTime.ts";
import { Time, type TimeProps } from "./RelativeTime.tsx";

/** A moment as its date and time of day. */
export function Stamp(props: TimeProps) {
  return <Time time={props.time} format={() => formatStamp(props.time)} />;
}
