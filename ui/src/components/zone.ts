/** How far a moment may be from the end of summer time to be looked at. No zone changes its clock twice in a day. */
const hours = 12 * 3_600_000;

const names = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });

const offsetMs = (time: number) => new Date(time).getTimezoneOffset() * 60_000;

/**
 * The name of the time zone if the same local time comes twice, as in the night in which summer time ends; else empty. It
 * has a space before it.
 */
export function zoneIfTwice(time: number): string {
  const isTwice = [-hours, hours].some((away) => {
    const offset = offsetMs(time + away);
    // The other moment at which clocks show the same, if there is one.
    const twin = time + offset - offsetMs(time);
    return twin !== time && offsetMs(twin) === offset;
  });
  if (!isTwice) return "";
  return ` ${names.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value}`;
}
