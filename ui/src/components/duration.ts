/** Lengths of time. Not in `format.ts`, because the first screen shows none. */

const milliseconds = new Intl.NumberFormat(undefined, { style: "unit", unit: "millisecond", maximumFractionDigits: 0 });
const seconds = new Intl.NumberFormat(undefined, { style: "unit", unit: "second", maximumFractionDigits: 1 });

/** A short time, such as 23 ms or 2.3 sec. */
export function formatMs(ms: number): string {
  return Math.abs(ms) < 1_000 ? milliseconds.format(ms) : seconds.format(ms / 1_000);
}

const units: readonly [string, number][] = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
];

/** A length of time in its two largest units, such as "2h 3m", rounded down. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const largest = units.findIndex(([, length]) => seconds >= length);
  if (largest === -1) return "<1s";
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, length] of units.slice(largest, largest + 2)) {
    if (rest >= length) parts.push(`${Math.floor(rest / length)}${unit}`);
    rest %= length;
  }
  return parts.join(" ");
}
