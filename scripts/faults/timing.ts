/** Whether this is `make test-faults-full`, with many kills and the manager's default periods. */
export const full = process.env.FAULTS === "full";

/** The manager's variables that decide when silence is noticed; milliseconds. */
export interface Periods {
  heartbeatMs: number;
  leaseMs: number;
}

/**
 * In the short run silence is noticed soon, but an agent on a machine that is busy for 4 s does not lose its lease. The
 * full run has the manager's defaults.
 */
export const periods: Periods = full
  ? { heartbeatMs: 30_000, leaseMs: 40_000 }
  : { heartbeatMs: 1_000, leaseMs: 5_000 };

/** How long a busy machine may take for something that normally takes no time. */
export const BUSY_MS = 15_000;

/** How much longer than a period something may take: little in the full run, which checks the promised periods. */
export const slackMs = full ? 2_000 : BUSY_MS;

/** The periods as variables of the manager. */
export function managerVars({ heartbeatMs, leaseMs }: Periods): Record<string, string> {
  return { HEARTBEAT_INTERVAL_MS: String(heartbeatMs), LEASE_MS: String(leaseMs) };
}
