/**
 * How often one may knock. Counting is Cloudflare's rate limiting (wrangler.jsonc), which counts where a request arrives: a
 * brake on guessing and on loops, not an exact quota. Nothing here asks a hub.
 */
import type { Context } from "hono";
import { ApiError } from "../routes/errors.ts";
import type { App } from "../routes/router.ts";
import { clientAddress } from "./client.ts";

/** The period of every limit in wrangler.jsonc. */
const PERIOD_MS = 60_000;

/** Counts one for `key`. @throws ApiError 429 when that is too many */
export async function count(limit: RateLimit, key: string): Promise<void> {
  const { success } = await limit.limit({ key });
  if (!success) throw tooMany();
}

/** The key of a request's address; requests that nothing says the address of share one. */
export function addressKey(c: Context<App>): string {
  return clientAddress(c) ?? "unknown";
}

/**
 * Addresses that guessed too many passwords, and until when they are not listened to. In this isolate's memory: counting
 * alone would still tell a guesser which guess was right.
 */
const lockedOut = new Map<string, number>();
/** An attacker with more addresses than this is slowed down by the count alone. */
const MAX_LOCKED_OUT = 10_000;

/** Call before a password is looked at. @throws ApiError 429 */
export function refuseGuesser(c: Context<App>): void {
  const until = lockedOut.get(addressKey(c));
  if (until === undefined) return;
  if (until > Date.now()) throw tooMany();
  lockedOut.delete(addressKey(c));
}

/** Call when a password was wrong. @throws ApiError 429 when it was one too many */
export async function countGuess(c: Context<App>): Promise<void> {
  const { success } = await c.env.LOGIN_LIMIT.limit({ key: addressKey(c) });
  if (success) return;
  if (lockedOut.size < MAX_LOCKED_OUT) lockedOut.set(addressKey(c), Date.now() + PERIOD_MS);
  throw tooMany();
}

function tooMany(): ApiError {
  return new ApiError(429, "too_many_requests", "too many requests; try again in a minute");
}
