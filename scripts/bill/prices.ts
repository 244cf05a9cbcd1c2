/**
 * Cloudflare's prices, in US dollars without tax, as its documentation had them on {@link PRICES_READ_ON}. If they change,
 * change this file and its date only.
 */

export const PRICES_READ_ON = "2026-11-28";

export const SOURCES = [
  "https://developers.cloudflare.com/workers/platform/pricing/",
  "https://developers.cloudflare.com/workers/static-assets/billing-and-limitations/",
  "https://developers.cloudflare.com/durable-objects/platform/pricing/",
  "https://developers.cloudflare.com/d1/platform/pricing/",
  "https://developers.cloudflare.com/d1/platform/limits/",
] as const;

export interface Price {
  /** What a month includes. */
  readonly included: number;
  /** For each million beyond it; for storage, for each GB-month. */
  readonly dollars: number;
  /** What the dollars are for. */
  readonly per: number;
  /** Whether a part of `per` is billed like all of it. Cloudflare's own examples do that for Durable Objects. */
  readonly roundsUp?: true;
}

const MILLION = 1_000_000;

/** Workers Paid, for each month of an account. Files of the dashboard (static assets) cost nothing. */
export const PAID = {
  subscription: 5,
  workerRequests: { included: 10 * MILLION, dollars: 0.3, per: MILLION },
  workerCpuMs: { included: 30 * MILLION, dollars: 0.02, per: MILLION },
  /** Calls, upgrades, alarms, and a twentieth of the messages that clients send. */
  hubRequests: { included: MILLION, dollars: 0.15, per: MILLION, roundsUp: true },
  hubGbSeconds: { included: 400_000, dollars: 12.5, per: MILLION, roundsUp: true },
  /** Durable Objects and D1 have the same prices for rows. */
  rowsRead: { included: 25_000 * MILLION, dollars: 0.001, per: MILLION },
  rowsWritten: { included: 50 * MILLION, dollars: 1, per: MILLION },
  hubStorageGb: { included: 5, dollars: 0.2, per: 1 },
  registryStorageGb: { included: 5, dollars: 0.75, per: 1 },
} as const satisfies Record<string, Price | number>;

/** Workers Free, for each day of an account; what exceeds it fails until midnight UTC. Storage is for all days. */
export const FREE = {
  workerRequests: 100_000,
  hubRequests: 100_000,
  hubGbSeconds: 13_000,
  rowsRead: 5 * MILLION,
  rowsWritten: 100_000,
  hubStorageGb: 5,
  /** The largest database. */
  registryStorageGb: 0.5,
} as const;

/** Messages that clients send to a Durable Object and that are billed as one request. */
export const MESSAGES_PER_REQUEST = 20;

/** A Durable Object is billed for 128 MB while it is active, whatever it uses. */
export const HUB_GB = 0.128;
