import { zoneIfTwice } from "./zone.ts";

const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// To the second, as in logs. A timeline of 30 days needs no year.
const recent = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});

/** A moment of the last weeks as its date and time of day. */
export function formatRecent(time: number): string {
  return recent.format(time) + zoneIfTwice(time);
}

/** A moment as its date and time of day. */
export function formatStamp(time: number): string {
  return dateAndTime.format(time) + zoneIfTwice(time);
}
