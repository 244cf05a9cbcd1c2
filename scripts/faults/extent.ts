/** `make test-faults-full`: many kills, and the periods that the manager has by default. */
export const full = process.env.FAULTS === "full";

/** When silence is noticed; the manager's variables. Times are milliseconds. */
export interface Periods {
  heartbeatMs: number;
  leaseMs: number;
}

/**
 * Silence is noticed soon in the short run, and yet a machine that is busy for 4 s is not taken for a dead one.
 * The long run has the manager's defaults.
 */
export const periods: Periods = full
  ? { heartbeatMs: 30_000, leaseMs: 40_000 }
  : { heartbeatMs: 1_000, leaseMs: 5_000 };

/** What a busy machine may take for a thing that takes no time. */
export const BUSY_MS = 15_000;

/** What may come on top of a period: little where periods are held to what is promised. */
export const slackMs = full ? 2_000 : BUSY_MS;

/** The periods as variables of the manager. */
export function managerVars({ heartbeatMs, leaseMs }: Periods): Record<string, string> {
  return { HEARTBEAT_INTERVAL_MS: String(heartbeatMs), LEASE_MS: String(leaseMs) };
}
