const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A moment as its date and time of day. */
export function formatStamp(time: number): string {
  return dateAndTime.format(time);
}
