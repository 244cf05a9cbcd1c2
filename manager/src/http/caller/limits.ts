/**
 * Rate limits. Cloudflare counts (wrangler.jsonc), and does so where a request arrives: the limits slow down guessing and loops
 * and are no exact quota. Nothing here asks a hub.
 */
import type { Context } from "hono";
import { shardOf } from "../../hub/placement.ts";
import type { Admission } from "../../registry/admission.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress } from "./address.ts";
import { Memory } from "./memory.ts";

/** Counts one for `key`. @throws ApiError 429 when that is too many */
export async function count(limit: RateLimit, key: string): Promise<void> {
  const { success } = await limit.limit({ key });
  if (!success) throw tooMany();
}

/**
 * Counts an agent's attempt to connect. An enrolment token makes another agent id of each install id that it is shown with.
 * Its attempts are therefore counted in as many parts as it has uses, which are as many as its hosts need.
 * @throws ApiError 429 when that is too many
 */
export function countConnection(c: Context<App>, { agentId, enrolment }: Admission): Promise<void> {
  const key = enrolment === null ? agentId : `${enrolment.id} ${shardOf(agentId, enrolment.maxUses)}`;
  return count(c.env.UPGRADE_LIMIT, key);
}

/**
 * The key of a request's address: for IPv6 the /64 network, because a host has at least one of these and may use any address in
 * it. All requests without a known address share one key.
 */
export function addressKey(c: Context<App>): string {
  const address = clientAddress(c);
  if (address === null) return "unknown";
  return address.includes(":") && !address.includes(".") ? network64(address) : address;
}

/** The first four groups of an IPv6 address, in one spelling. */
function network64(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4);
  return `${groups.map((group) => group.toLowerCase().replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

/** Addresses that guessed too many passwords: counting alone would still tell a guesser which guess was right. */
const lockedOut = new Memory<true>(10_000);

/** Call before a password is looked at. @throws ApiError 429 */
export function refuseGuesser(c: Context<App>): void {
  if (lockedOut.recall(addressKey(c))) throw tooMany();
}

/** Call when a password was wrong. @throws ApiError 429 when it was one too many */
export async function countGuess(c: Context<App>): Promise<void> {
  const key = addressKey(c);
  const { success } = await c.env.LOGIN_LIMIT.limit({ key });
  if (success) return;
  lockedOut.remember(key, true);
  throw tooMany();
}

export function tooMany(): ApiError {
  return new ApiError(429, "too_many_requests", "too many requests; try again in a minute");
}
