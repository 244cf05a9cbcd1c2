/**
 * The manager's close codes. docs/PROTOCOL.md "Close codes" says what an agent does after each, and docs/API.md "The end
 * of a socket" what a viewer of the live feed does.
 */
export const Close = {
  policyViolation: { code: 4400, reason: "policy_violation" },
  unauthorized: { code: 4401, reason: "unauthorized" },
  revoked: { code: 4403, reason: "revoked" },
  leaseExpired: { code: 4408, reason: "lease_expired" },
  replaced: { code: 4409, reason: "replaced" },
  rateLimited: { code: 4429, reason: "rate_limited" },
  goingAway: { code: 4503, reason: "going_away" },
  /** For viewers only. To a client it means what 4401 means to an agent: its credential is not valid any more. */
  sessionOver: { code: 4401, reason: "session_over" },
} as const;

/** Whether a close frame may have this code. The runtime refuses to send any other code. */
export function mayTravel(code: number): boolean {
  return code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
}

/**
 * The close code of a protocol error. The runtime closes a socket by itself if the agent sends invalid WebSocket
 * frames, or a frame longer than the runtime accepts. For any other error it returns null: then the connection was
 * lost.
 */
export function protocolErrorCode(error: unknown): number | null {
  const [isProtocolError, code] =
    /^WebSocket protocol error(?:; protocolError\.statusCode = (\d{4})\b)?/.exec(
      error instanceof Error ? error.message : String(error),
    ) ?? [];
  if (isProtocolError === undefined) return null;
  return code === undefined ? 1002 : Number(code);
}

export type Close = (typeof Close)[keyof typeof Close];
