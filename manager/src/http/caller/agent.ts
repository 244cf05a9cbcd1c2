/** From an agent's HTTP request to its admission: headers, token, registry. Nothing else lets an agent near a hub. */
import type { Context } from "hono";
import { randomId } from "../../digest.ts";
import type { Admission } from "../../registry/admission.ts";
import { verifyBearer } from "../../tokens.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress } from "./address.ts";
import { admitBearer } from "./refusals.ts";

const HOST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/**
 * Admits the caller, as yet without a connection, or throws what to answer. A refusal that needs no registry is given at
 * once, however often: it is final, and an agent that is told 429 instead would come back for ever.
 * @param limit counted for each token before the registry is asked
 * @throws ApiError, TokenError, RegistryUnavailable
 */
export async function admitCaller(c: Context<App>, limit?: RateLimit): Promise<Admission> {
  if (c.req.header("Origin") !== undefined) {
    throw new ApiError(403, "browser_origin", "agents are no browsers: an Origin header is refused");
  }
  const caller = {
    installId: hostId(c, "Zedops-Install-Id"),
    bootId: hostId(c, "Zedops-Boot-Id"),
    address: clientAddress(c),
  };
  const bearer = await verifyBearer(c.env, c.req.header("Authorization"));
  return admitBearer(c, bearer, caller, limit);
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
