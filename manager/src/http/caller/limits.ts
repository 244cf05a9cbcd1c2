/**
 * Rate limits. Cloudflare counts them (wrangler.jsonc), at each place where requests arrive. So they are not exact
 * quotas, but they slow down guesses and loops. Nothing here calls a hub.
 */
import type { Context } from "hono";
import { agentId } from "../../digest.ts";
import { shardOf } from "../../hub/placement.ts";
import type { Admission } from "../../registry/admission.ts";
import type { Bearer } from "../../tokens.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress } from "./address.ts";
import { ExpiringCache } from "./expiring-cache.ts";

/** Counts one request for `key`. @throws ApiError 429 if the limit is exceeded */
export async function count(limit: RateLimit, key: string): Promise<void> {
  const { success } = await limit.limit({ key });
  if (!success) throw tooMany();
}

/** Keys that connected too often within the last minute. Their next attempts cost no read of the registry. */
const tooFrequent = new ExpiringCache<true>(10_000);
/** How many hosts an enrolment is for, by its id: known once the registry was asked. */
const knownUses = new ExpiringCache<number>(10_000);

/**
 * Call before the registry is asked.
 * @throws ApiError 429 if this token has connected too often within the last minute
 */
export async function refuseFrequentConnection(bearer: Bearer, installId: string): Promise<void> {
  const key =
    bearer.kind === "agent"
      ? bearer.agentId
      : enrolmentKey(
          bearer.enrolmentId,
          await agentId(bearer.enrolmentId, installId),
          knownUses.get(bearer.enrolmentId),
        );
  if (tooFrequent.get(key)) throw tooMany();
}

/**
 * Counts an agent's attempt to connect. An enrolment token makes another agent id of each install id that it is shown with.
 * Its attempts are therefore counted in as many parts as it has uses. That is enough for its hosts.
 * @throws ApiError 429 when that is too many
 */
export async function countConnection(c: Context<App>, { agentId, enrolment }: Admission): Promise<void> {
  if (enrolment !== null) knownUses.set(enrolment.id, enrolment.maxUses);
  const key = enrolment === null ? agentId : enrolmentKey(enrolment.id, agentId, enrolment.maxUses);
  const { success } = await c.env.UPGRADE_LIMIT.limit({ key });
  if (success) return;
  tooFrequent.set(key, true);
  throw tooMany();
}

function enrolmentKey(enrolmentId: string, agentId: string, uses = 1): string {
  return `${enrolmentId} ${shardOf(agentId, uses)}`;
}

/**
 * The address of a request, as a key for counting. For IPv6 it is the /64 network, because a host can use any address
 * in its network. All requests without a known address share one key.
 */
export function addressKey(c: Context<App>): string {
  const address = clientAddress(c);
  if (address === null) return "unknown";
  return address.includes(":") && !address.includes(".") ? network64(address) : address;
}

/** The first four groups of an IPv6 address, in lower case and without leading zeros. */
function network64(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4);
  return `${groups.map((group) => group.toLowerCase().replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

/**
 * Addresses that sent too many wrong passwords. No password from them is checked. A counter alone is not enough,
 * because the right password would still be accepted.
 */
const lockedOut = new ExpiringCache<true>(10_000);

/** Call this before a password is checked. @throws ApiError 429 if the address is locked out */
export function refuseGuesser(c: Context<App>): void {
  if (lockedOut.get(addressKey(c))) throw tooMany();
}

/** Call this after a wrong password. @throws ApiError 429 if the limit is exceeded */
export async function countGuess(c: Context<App>): Promise<void> {
  const key = addressKey(c);
  const { success } = await c.env.LOGIN_LIMIT.limit({ key });
  if (success) return;
  lockedOut.set(key, true);
  throw tooMany();
}

export function tooMany(): ApiError {
  return new ApiError(429, "too_many_requests", "too many requests; try again in a minute");
}
