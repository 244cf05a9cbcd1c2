/**
 * The result of a sweep. A hub that wakes reads this one row instead of all its connections. A sweep with the same result leaves
 * the row as it is. Other versions of this code write and read it too (docs/STORAGE.md "Versions").
 */
import { z } from "zod";
import { sameTerms, Terms } from "./connection-state.ts";

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

/** The spread in a welcome follows the stored number of agents. It may be wrong by this share. */
const AGENTS_TOLERANCE = 0.1;

/** Whether a sweep has a result that must be stored, because a waking hub would act differently with the stored one. */
export function isNews(known: SweepRecord, stored: SweepRecord | null): boolean {
  if (stored === null) return true;
  return (
    known.comparedAt !== stored.comparedAt ||
    known.hubShards !== stored.hubShards ||
    known.untagged !== stored.untagged ||
    !sameTerms(known.terms, stored.terms) ||
    Math.abs(known.agents - stored.agents) > stored.agents * AGENTS_TOLERANCE ||
    known.late.toSorted().join() !== stored.late.toSorted().join()
  );
}

export interface LastSweep {
  /** When it was, or when the last one was that had to be stored; 0 if there was none. Unix milliseconds. */
  readonly at: number;
  /** Null if an earlier release made the sweep, which does not store it. */
  readonly known: SweepRecord | null;
}
