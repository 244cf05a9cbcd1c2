/** From an agent's HTTP request to its admission: headers, token, registry. Nothing else lets an agent near a hub. */
import type { Context } from "hono";
import { randomId } from "../../digest.ts";
import { type Admission, admit } from "../../registry/admission.ts";
import { TokenError, verifyBearer } from "../../tokens.ts";
import { ApiError, outcomeError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress } from "./address.ts";
import { addressKey, count } from "./limits.ts";

const HOST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/**
 * Admits the caller, as yet without a connection, or throws what to answer.
 * @throws ApiError, TokenError, RegistryUnavailable
 */
export async function admitCaller(c: Context<App>): Promise<Admission> {
  if (c.req.header("Origin") !== undefined) {
    throw new ApiError(403, "browser_origin", "agents are no browsers: an Origin header is refused");
  }
  const caller = {
    installId: hostId(c, "Zedops-Install-Id"),
    bootId: hostId(c, "Zedops-Boot-Id"),
    address: clientAddress(c),
  };
  try {
    const bearer = await verifyBearer(c.env, c.req.header("Authorization"));
    const admitted = await admit(c.env.DB, bearer, caller);
    if (!admitted.ok) throw outcomeError(admitted.error);
    return admitted.value;
  } catch (error) {
    // Only failures count against the address: behind it there may be a thousand agents whose tokens are good.
    if (error instanceof TokenError || error instanceof ApiError) await count(c.env.REFUSAL_LIMIT, addressKey(c));
    throw error;
  }
}

/** An id that the host made for itself; without one it gets a random one, and its enrolment cannot be repeated. */
function hostId(c: Context<App>, header: string): string {
  const id = c.req.header(header);
  if (id === undefined) return randomId();
  if (!HOST_ID.test(id)) {
    throw new ApiError(400, "invalid_header", `${header} must be 8 to 64 characters of A-Z a-z 0-9 - _`);
  }
  return id;
}
