/**
 * Keeps bounded what refused tokens cost. A token whose signature is good has to be looked up in the registry; if it is
 * refused there, the same refusal is given again for a minute without another look.
 */
import type { Context } from "hono";
import { sha256Hex } from "../../digest.ts";
import type { WireError } from "../../protocol/errors.ts";
import { type Admission, admit, type Caller } from "../../registry/admission.ts";
import type { Bearer } from "../../tokens.ts";
import { outcomeError } from "../errors.ts";
import type { App } from "../router.ts";
import { addressKey, count, tooMany } from "./limits.ts";
import { Memory } from "./memory.ts";

/** By token; by token and install id where an enrolment token may be good for another host. */
const refused = new Memory<WireError>(10_000);

/** Tokens that an address has had refused too often, with ever new install ids. */
const exhausted = new Memory<true>(10_000);

/**
 * Asks the registry, unless it has just refused this bearer.
 * @param limit counted for the token before the registry is asked
 * @throws ApiError, RegistryUnavailable
 */
export async function admitBearer(
  c: Context<App>,
  bearer: Bearer,
  caller: Caller,
  limit?: RateLimit,
): Promise<Admission> {
  const token = await sha256Hex(bearer.token);
  const shown = bearer.kind === "agent" ? token : `${token} ${caller.installId}`;
  const known = refused.recall(shown);
  if (known !== undefined) throw outcomeError(known);
  // What may or may not be refused is limited by the token: nobody has tokens of others, and many share an address.
  const source = `${addressKey(c)} ${token}`;
  if (exhausted.recall(source)) throw tooMany();
  if (limit !== undefined) await count(limit, token);
  const admitted = await admit(c.env.DB, bearer, caller);
  if (admitted.ok) return admitted.value;
  refused.remember(shown, admitted.error);
  const { success } = await c.env.REFUSAL_LIMIT.limit({ key: source });
  if (!success) exhausted.remember(source, true);
  throw outcomeError(admitted.error);
}
