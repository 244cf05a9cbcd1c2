import { UserError } from "./user-error.ts";

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Seconds of a duration such as `90`, `90s`, `15m`, `2h` or `7d`. Throws a UserError for anything else. */
export function parseSeconds(text: string): number {
  const [, amount, unit = "s"] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  if (amount === undefined || !isUnit(unit)) {
    throw new UserError(`"${text}" is not a duration; write seconds, or for example 90s, 15m, 2h or 7d`);
  }
  return Number(amount) * SECONDS[unit];
}

function isUnit(text: string): text is keyof typeof SECONDS {
  return text in SECONDS;
}
