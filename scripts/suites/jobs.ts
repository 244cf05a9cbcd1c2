import { type Outcome, sum } from "./outcome.ts";

export type Job = () => Promise<Outcome>;

/** Runs jobs in their order, two at a time: many of them use one core only. */
export async function runTwoAtATime(jobs: readonly Job[]): Promise<Outcome> {
  // Both runners take the next job from the same iterator.
  const rest = jobs.values();
  const run = async () => {
    const outcomes: Outcome[] = [];
    for (const job of rest) outcomes.push(await job());
    return sum(outcomes);
  };
  return sum(await Promise.all([run(), run()]));
}
