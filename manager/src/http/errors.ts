/** Errors of the HTTP API: a stable code for programs, a sentence for people. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { HubUnavailable } from "../hubs.ts";
import { log } from "../log.ts";
import { INTERNAL, type OutcomeError, type WireError } from "../protocol/errors.ts";
import { RegistryUnavailable } from "../registry/query.ts";
import { TokenError } from "../tokens.ts";

/** The value of `Retry-After` in seconds, by error code. */
const RETRY_AFTER_S: ReadonlyMap<string, string> = new Map([
  ["registry_unavailable", "5"],
  ["hub_unavailable", "5"],
  ["too_many_requests", "60"],
]);

export class ApiError extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: string;

  constructor(status: ContentfulStatusCode, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The HTTP status of an operation that the manager itself refused or could not do, by error code. */
const STATUS: ReadonlyMap<string, ContentfulStatusCode> = new Map([
  ["missing_token", 401],
  ["invalid_token", 401],
  ["token_expired", 401],
  ["enrolment_used", 403],
  ["enrolment_revoked", 403],
  ["agent_revoked", 403],
  ["agent_removed", 403],
  ["forbidden", 403],
  ["unsupported_protocol", 400],
  ["invalid_subject", 400],
  ["invalid_data", 400],
  ["not_registered", 409],
  ["payload_too_large", 413],
  ["registry_unavailable", 503],
]);

/** The HTTP status of a request to an agent that failed, by error code. */
const REQUEST_STATUS: ReadonlyMap<string, ContentfulStatusCode> = new Map([
  ["payload_too_large", 413],
  ["no_responders", 503],
  ["timeout", 504],
]);

/** Makes an answer from an error of the manager's own. */
export function outcomeError(error: WireError): ApiError {
  return new ApiError(STATUS.get(error.code) ?? 502, error.code, error.message);
}

/**
 * Makes an answer from the error of a request to an agent. An agent chooses its own codes, so its errors get the status
 * 502: they must not look like the manager's. The one exception is `no_responders`: the agent has no handler for the
 * subject.
 */
export function requestError({ code, message, byAgent }: OutcomeError): ApiError {
  const status = byAgent && code !== "no_responders" ? 502 : (REQUEST_STATUS.get(code) ?? 502);
  return new ApiError(status, code, message);
}

export function unsupportedMediaType(): ApiError {
  return new ApiError(415, "unsupported_media_type", "the body must be application/json");
}

export function invalidJson(): ApiError {
  return new ApiError(400, "invalid_json", "the body is not JSON");
}

/** Answers every error, so that all errors have the same form. */
export function onError(error: Error, c: Context): Response {
  const { status, code, message } = classify(error);
  const retryAfter = RETRY_AFTER_S.get(code);
  if (retryAfter !== undefined) c.header("Retry-After", retryAfter);
  return c.json({ error: { code, message } }, status);
}

function classify(error: Error): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TokenError) return outcomeError(error);
  if (error instanceof RegistryUnavailable) return new ApiError(503, "registry_unavailable", error.message);
  if (error instanceof HubUnavailable) {
    log.error("calling a hub failed", { error: error.cause });
    return new ApiError(503, "hub_unavailable", error.message);
  }
  if (error instanceof HTTPException && error.status === 415) return unsupportedMediaType();
  if (error instanceof HTTPException && error.status === 400) return invalidJson();
  log.error("a request failed unexpectedly", { error });
  return new ApiError(500, INTERNAL.code, INTERNAL.message);
}
