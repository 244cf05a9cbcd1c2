/** Close codes of the manager: docs/PROTOCOL.md "Close codes" says what an agent does on each. */
export const Close = {
  policyViolation: { code: 4400, reason: "policy_violation" },
  unauthorized: { code: 4401, reason: "unauthorized" },
  revoked: { code: 4403, reason: "revoked" },
  leaseExpired: { code: 4408, reason: "lease_expired" },
  replaced: { code: 4409, reason: "replaced" },
  rateLimited: { code: 4429, reason: "rate_limited" },
  goingAway: { code: 4503, reason: "going_away" },
} as const;

/** Whether a close frame may carry `code`; the runtime refuses to send any other. */
export function mayTravel(code: number): boolean {
  return code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
}

export type Close = (typeof Close)[keyof typeof Close];
