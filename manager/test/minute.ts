import { setTimeout as pause } from "node:timers/promises";

const MINUTE_MS = 60_000;

/** Longer than any test takes to send what a limit allows, and what is refused after it. */
const ROOM_MS = 20_000;

/**
 * Waits for a minute of the clock that has room for a test of a rate limit. The local runtime counts per minute of the
 * clock: if one ends meanwhile, twice as many requests pass, or the next is not refused any more.
 */
export async function untilMinuteHasRoom(): Promise<void> {
  const left = MINUTE_MS - (Date.now() % MINUTE_MS);
  if (left < ROOM_MS) await pause(left);
}
