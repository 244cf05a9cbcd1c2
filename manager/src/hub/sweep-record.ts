/**
 * The result of a hub's last sweep. A hub that wakes reads this one row instead of all its connections. Other versions
 * of this code write and read it too (docs/STORAGE.md "Versions").
 */
import { z } from "zod";
import { Terms } from "./connection-state.ts";

export const SweepRecord = z.object({
  /** How many registered agents there were. */
  agents: z.number(),
  /** The terms in the welcomes at that time. */
  terms: Terms,
  hubShards: z.number(),
  /** How many sockets an earlier release accepted: they have no tag with the id of their agent. */
  untagged: z.number(),
  /** The ids of the connections that were late. */
  late: z.array(z.string()),
  /** When every stored connection was last compared with the sockets; Unix milliseconds. */
  comparedAt: z.number(),
});
export type SweepRecord = Readonly<z.infer<typeof SweepRecord>>;

export interface LastSweep {
  /** When it was; 0 if there was none. Unix milliseconds. */
  readonly at: number;
  /** Null if an earlier release made the sweep, which does not store it. */
  readonly known: SweepRecord | null;
}
