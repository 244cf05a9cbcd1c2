/** Error codes in messages. The golden vectors in docs/vectors/codes.json keep both ends the same. */

/** Codes for bad frames: docs/PROTOCOL.md "Bad frames". */
export const FRAME_ERRORS = [
  "unsupported_frame",
  "payload_too_large",
  "invalid_json",
  "invalid_message",
  "invalid_subject",
] as const;
export type FrameErrorCode = (typeof FRAME_ERRORS)[number];

/** Codes for failed requests: docs/PROTOCOL.md "Request and reply". */
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

/** Codes after which an agent stops for good: docs/PROTOCOL.md "Refusals". */
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

/** The `error` field of a message. The handlers of an agent may use other codes. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

/** An error of an outcome. */
export interface OutcomeError extends WireError {
  /** Set if the agent sent the error. Then the agent chose the code, and it says nothing about the manager. */
  readonly byAgent?: true;
}

/**
 * The outcome of an operation that may fail. It can cross Workers RPC. The class of a thrown error would not survive
 * that.
 */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: OutcomeError };

/** A failed outcome. */
export function failure(code: FrameErrorCode | RequestErrorCode | RefusalCode, message: string) {
  return { ok: false, error: { code, message } } as const;
}

/** The answer to a request if its handler threw an exception. */
export const INTERNAL = { code: "internal", message: "the manager failed; its log says more" } as const;
