import { call, read } from "../../api.ts";
import { array, number, object, text } from "../../json.ts";

/** A transition of presence that the registry rejected. */
export interface Parked {
  /** Unix milliseconds on the manager's clock. */
  readonly at: number;
  readonly error: string;
  /** JSON. */
  readonly transition: string;
}

export interface DrainOrder {
  readonly delayMs: number;
  /** The hub's number; all hubs without it. */
  readonly shard?: number;
}

/** A drain of all hubs calls each of them, and each may have thousands of sockets to close. */
const drainedWithinMs = 30_000;

/** Ends every session of every operator. */
export async function logOutEverywhere(): Promise<void> {
  await call("/api/sessions", { method: "DELETE" });
}

/**
 * Closes the agents' sockets, and tells each when to come back.
 * @returns the number of agents told
 * @throws ApiError `unknown_shard`
 */
export async function drain({ delayMs, shard }: DrainOrder): Promise<number> {
  const body = { delayMs, ...(shard !== undefined && { shard }) };
  const response = await call("/api/admin/drain", { method: "POST", body, withinMs: drainedWithinMs });
  return read(response, (answer) => number(object(answer, "drain"), "drained"));
}

export async function listParked(signal: AbortSignal, unattended: boolean): Promise<Parked[]> {
  const response = await call("/api/admin/parked", { signal, unattended });
  return read(response, (body) =>
    array(body, "parked transitions", (item) => {
      const parked = object(item, "parked transition");
      return { at: number(parked, "at"), error: text(parked, "error"), transition: text(parked, "transition") };
    }),
  );
}

export async function forgetParked(): Promise<void> {
  await call("/api/admin/parked", { method: "DELETE" });
}
