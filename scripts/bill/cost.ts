/** What a month's usage costs on the plan Workers Paid. */
import { PAID, type Price } from "./prices.ts";
import type { Usage } from "./usage.ts";

/** Dollars of a month, by what they are for. */
export interface Cost {
  readonly subscription: number;
  readonly workerRequests: number;
  readonly workerCpu: number;
  readonly hubRequests: number;
  readonly hubDuration: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly storage: number;
  readonly total: number;
}

/**
 * @param sharedAllowance whether Durable Objects and D1 share what a month includes of written rows. Cloudflare's documentation
 * does not say. If they do, the bill is higher.
 */
export function cost(used: Usage, sharedAllowance = true): Cost {
  const { hubRowsWritten, registryRowsWritten } = used;
  const parts = {
    subscription: PAID.subscription,
    workerRequests: dollars(used.workerRequests, PAID.workerRequests),
    workerCpu: dollars(used.workerCpuMs, PAID.workerCpuMs),
    hubRequests: dollars(used.hubRequests, PAID.hubRequests),
    hubDuration: dollars(used.hubGbSeconds, PAID.hubGbSeconds),
    rowsRead: dollars(used.rowsRead, PAID.rowsRead),
    rowsWritten: sharedAllowance
      ? dollars(hubRowsWritten + registryRowsWritten, PAID.rowsWritten)
      : dollars(hubRowsWritten, PAID.rowsWritten) + dollars(registryRowsWritten, PAID.rowsWritten),
    storage: dollars(used.hubStorageGb, PAID.hubStorageGb) + dollars(used.registryStorageGb, PAID.registryStorageGb),
  };
  return { ...parts, total: Object.values(parts).reduce((sum, part) => sum + part, 0) };
}

/** What one thing costs beyond what the month includes. */
export function dollars(used: number, { included, dollars, per, roundsUp }: Price): number {
  const units = Math.max(0, used - included) / per;
  return dollars * (roundsUp ? Math.ceil(units) : units);
}
