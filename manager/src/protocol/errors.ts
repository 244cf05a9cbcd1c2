/** Error codes on the wire; docs/vectors/codes.json has them for both ends. */

/** Codes of frames that are no message: docs/PROTOCOL.md "Bad frames". */
export const FRAME_ERRORS = [
  "unsupported_frame",
  "payload_too_large",
  "invalid_json",
  "invalid_message",
  "invalid_subject",
] as const;
export type FrameErrorCode = (typeof FRAME_ERRORS)[number];

/** Codes of requests that failed: docs/PROTOCOL.md "Request and reply". */
export const REQUEST_ERRORS = [
  "no_responders",
  "forbidden",
  "not_registered",
  "invalid_data",
  "timeout",
  "disconnected",
  "payload_too_large",
  "rate_limited",
  "too_many_subscriptions",
  "busy",
  "registry_unavailable",
  "not_saved",
  "internal",
] as const;
export type RequestErrorCode = (typeof REQUEST_ERRORS)[number];

/** Codes on which an agent stops for good: docs/PROTOCOL.md "Refusals". */
export const REFUSALS = [
  "missing_token",
  "invalid_token",
  "token_expired",
  "enrolment_used",
  "enrolment_revoked",
  "agent_revoked",
  "agent_removed",
  "browser_origin",
  "unsupported_protocol",
] as const;
export type RefusalCode = (typeof REFUSALS)[number];

export function isRefusal(code: string): code is RefusalCode {
  return REFUSALS.some((refusal) => refusal === code);
}

/** An error as it travels in a message's `error` field. An agent's own handlers may use codes of their own. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

/** An error of an outcome. */
export interface OutcomeError extends WireError {
  /** The agent answered with it: its code is the agent's choice, and says nothing of the manager. */
  readonly byAgent?: true;
}

/** The outcome of an operation that may be refused; crosses Workers RPC, where thrown classes do not survive. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: OutcomeError };

/** A failed outcome. */
export function failure(code: FrameErrorCode | RequestErrorCode | RefusalCode, message: string) {
  return { ok: false, error: { code, message } } as const;
}

/** What a request is answered with whose handler threw an exception. */
export const INTERNAL = { code: "internal", message: "the manager failed; its log says more" } as const;
