/** Error codes on the wire: docs/PROTOCOL.md "Bad frames" and "Request and reply". */
export type FrameErrorCode =
  | "unsupported_frame"
  | "payload_too_large"
  | "invalid_json"
  | "invalid_message"
  | "invalid_subject";

export type RequestErrorCode =
  | "no_responders"
  | "forbidden"
  | "not_registered"
  | "invalid_data"
  | "timeout"
  | "disconnected"
  | "payload_too_large"
  | "busy"
  | "rate_limited"
  | "too_many_subscriptions"
  | "internal"
  | "registry_unavailable";

const REFUSALS = [
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

/** Codes on which an agent stops for good: docs/PROTOCOL.md "Refusals". */
export type RefusalCode = (typeof REFUSALS)[number];

export function isRefusal(code: string): code is RefusalCode {
  return REFUSALS.some((refusal) => refusal === code);
}

/** An error as it travels in a message's `error` field. An agent's own handlers may use codes of their own. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

/** The outcome of an operation that may be refused; crosses Workers RPC, where thrown classes do not survive. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: WireError };

/** A failed outcome. */
export function failure(code: FrameErrorCode | RequestErrorCode | RefusalCode, message: string) {
  return { ok: false, error: { code, message } } as const;
}
