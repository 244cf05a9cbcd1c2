/** What a page has heard of a number that changes. Null while it is not known. */
export interface Reading {
  /** Unix milliseconds on the manager's clock. */
  readonly at: number;
  readonly value: number | null;
}

/** An agent tells a value once in a heartbeat at most, so this is hours. */
const mostReadings = 2_000;

/** The readings with one more. A value that did not change adds none. */
export function addReading(readings: readonly Reading[], reading: Reading): readonly Reading[] {
  if (readings.length > 0 && readings.at(-1)?.value === reading.value) return readings;
  return [...readings.slice(1 - mostReadings), reading];
}

/** The smallest and the largest value; null if there is none. */
export function rangeOf(readings: readonly Reading[]): { readonly min: number; readonly max: number } | null {
  const values = readings.flatMap(({ value }) => value ?? []);
  return values.length === 0 ? null : { min: Math.min(...values), max: Math.max(...values) };
}

/**
 * A line of steps for an SVG of that size, as its `d`: a value holds until the next one. It has a gap where the value is
 * not known.
 */
export function stepLine(readings: readonly Reading[], now: number, width: number, height: number): string {
  const [first] = readings;
  const range = rangeOf(readings);
  if (first === undefined || range === null) return "";
  const time = Math.max(now - first.at, 1);
  const x = (at: number) => round((Math.min(at - first.at, time) / time) * width);
  // A value that never changed is a line in the middle.
  const y = (value: number) =>
    range.max === range.min ? height / 2 : round((1 - (value - range.min) / (range.max - range.min)) * height);
  let line = "";
  let drawing = false;
  for (const [at, { at: from, value }] of readings.entries()) {
    if (value !== null) {
      line += drawing ? `V${y(value)}` : `M${x(from)} ${y(value)}`;
      line += `H${x(readings[at + 1]?.at ?? now)}`;
    }
    drawing = value !== null;
  }
  return line;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
