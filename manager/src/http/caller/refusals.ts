/**
 * Limits the cost of refused tokens. A token with a good signature must be looked up in the registry. If the registry
 * refuses it, the same refusal is repeated from cache for a minute.
 */
import type { Context } from "hono";
import type { WireError } from "../../protocol/errors.ts";
import { type Admission, admit, type Caller } from "../../registry/admission.ts";
import type { Bearer } from "../../tokens.ts";
import { outcomeError } from "../errors.ts";
import type { App } from "../router.ts";
import { ExpiringCache } from "./expiring-cache.ts";
import { addressKey, count, refuseFrequentConnection, tooMany } from "./limits.ts";
import { noteRefusedHost } from "./refused-hosts.ts";

/**
 * Refusals of the registry. The key of an agent's token is the token. The key of an enrolment token is the token and
 * the install id, because the token may still be good for another host.
 */
const refused = new ExpiringCache<WireError>(10_000);

/** Pairs of address and token that were refused too often, each time with another install id. */
const exhausted = new ExpiringCache<true>(10_000);

/**
 * Asks the registry, unless it refused this bearer within the last minute.
 * @param limit counted for the token before the registry is asked
 * @throws ApiError, RegistryUnavailable
 */
export async function admitBearer(
  c: Context<App>,
  bearer: Bearer,
  caller: Caller,
  limit?: RateLimit,
): Promise<Admission> {
  const { tokenHash } = bearer;
  const shown = bearer.kind === "agent" ? tokenHash : `${tokenHash} ${caller.installId}`;
  const known = refused.get(shown);
  if (known !== undefined) throw outcomeError(known);
  // The limit is per address and token: many agents may share an address, and a client has no tokens of other agents.
  const source = `${addressKey(c)} ${tokenHash}`;
  if (exhausted.get(source)) throw tooMany();
  if (limit !== undefined) await count(limit, tokenHash);
  else await refuseFrequentConnection(bearer, caller.installId);
  const admitted = await admit(c.env.DB, bearer, caller);
  if (admitted.ok) return admitted.value;
  refused.set(shown, admitted.error);
  if (bearer.kind === "enrolment") noteRefusedHost(c, bearer.enrolmentId, admitted.error.code);
  const { success } = await c.env.REFUSAL_LIMIT.limit({ key: source });
  if (!success) exhausted.set(source, true);
  throw outcomeError(admitted.error);
}
