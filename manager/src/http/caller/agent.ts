/**
 * Admits an agent's HTTP request: checks headers, token and registry. Every request of an agent passes here before a
 * hub.
 */
import type { Context } from "hono";
import { randomId } from "../../digest.ts";
import type { Admission } from "../../registry/admission.ts";
import { type Bearer, TokenError, verifyBearer } from "../../tokens.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress } from "./address.ts";
import { admitBearer } from "./refusals.ts";
import { noteRefusedHost } from "./refused-hosts.ts";

const HOST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/**
 * Admits the caller. The admission has no connection yet. No rate limit applies to a refusal that needs no registry:
 * the refusal is final, so the agent stops. If the answer were 429 instead, the agent would come back for ever.
 * @param limit counted per token before the registry is asked
 * @throws ApiError, TokenError, RegistryUnavailable
 */
export async function admitCaller(c: Context<App>, limit?: RateLimit): Promise<Admission> {
  if (c.req.header("Origin") !== undefined) {
    throw new ApiError(403, "browser_origin", "agents are not browsers: a request with an Origin header is refused");
  }
  const caller = {
    installId: hostId(c, "Zedops-Install-Id"),
    bootId: hostId(c, "Zedops-Boot-Id"),
    address: clientAddress(c),
  };
  const bearer = await verify(c);
  return admitBearer(c, bearer, caller, limit);
}

/** @throws TokenError */
async function verify(c: Context<App>): Promise<Bearer> {
  try {
    return await verifyBearer(c.env, c.req.header("Authorization"));
  } catch (error) {
    if (error instanceof TokenError && error.enrolmentId !== null) noteRefusedHost(c, error.enrolmentId, error.code);
    throw error;
  }
}

/**
 * An id that the host made for itself. If it is missing, the host gets a random id, and its enrolment cannot be
 * repeated.
 */
function hostId(c: Context<App>, header: string): string {
  const id = c.req.header(header);
  if (id === undefined) return randomId();
  if (!HOST_ID.test(id)) {
    throw new ApiError(400, "invalid_header", `${header} must be 8 to 64 characters of A-Z a-z 0-9 - _`);
  }
  return id;
}
