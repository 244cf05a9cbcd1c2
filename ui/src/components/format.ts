/** Times and numbers as the viewer's own language and region write them. */
import { zoneIfTwice } from "./zone.ts";

/** The viewer's locale. What it formats is marked with it, because the page around it is in English. */
export const locale = new Intl.DateTimeFormat().resolvedOptions().locale;

export const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "narrow" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dateOfAnotherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.NumberFormat();

export const units: readonly [Intl.RelativeTimeFormatUnit, number][] = [
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

/** The time of day of a moment if it is today, else its date. */
export function formatMoment(time: number, now: number): string {
  const [then, today] = [new Date(time), new Date(now)];
  if (then.toDateString() === today.toDateString()) return clockTime.format(then) + zoneIfTwice(time);
  return (then.getFullYear() === today.getFullYear() ? date : dateOfAnotherYear).format(then);
}

/** A count, such as 10,000. */
export function formatCount(count: number): string {
  return whole.format(count);
}
