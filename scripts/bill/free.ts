/** How large a fleet the plan Workers Free carries. */
import { FREE } from "./prices.ts";
import { DAYS_PER_MONTH, type Fleet, type Usage, usage } from "./usage.ts";

export interface FreeLimit {
  /** The most agents for which no limit of a day is exceeded. */
  readonly agents: number;
  /** What the next agent would exceed. */
  readonly limitedBy: string;
}

/** @param fleet its number of agents is ignored; each hub holds up to `agentsPerHub` of them */
export function freeLimit(fleet: Omit<Fleet, "agents">): FreeLimit {
  let [fits, exceeds] = [0, 10_000_000];
  while (exceeds - fits > 1) {
    const middle = Math.floor((fits + exceeds) / 2);
    if (exceeded(usage({ ...fleet, agents: middle })) === null) fits = middle;
    else exceeds = middle;
  }
  return { agents: fits, limitedBy: exceeded(usage({ ...fleet, agents: exceeds })) ?? "nothing" };
}

/** The first limit that this month's usage exceeds on each day; null if there is none. */
function exceeded(used: Usage): string | null {
  const perDay = (month: number) => month / DAYS_PER_MONTH;
  const limits: [string, number, number][] = [
    ["Worker requests", perDay(used.workerRequests), FREE.workerRequests],
    ["hub requests", perDay(used.hubRequests), FREE.hubRequests],
    ["hub duration", perDay(used.hubGbSeconds), FREE.hubGbSeconds],
    ["rows read", perDay(used.rowsRead), FREE.rowsRead],
    // The documentation does not say whether Durable Objects and D1 share the limit. If not, it is reached later.
    ["rows written", perDay(used.hubRowsWritten + used.registryRowsWritten), FREE.rowsWritten],
    ["size of the hubs' storage", used.hubStorageGb, FREE.hubStorageGb],
    ["size of the database", used.registryStorageGb, FREE.registryStorageGb],
  ];
  return limits.find(([, amount, limit]) => amount > limit)?.[0] ?? null;
}
