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

export type Close = (typeof Close)[keyof typeof Close];
