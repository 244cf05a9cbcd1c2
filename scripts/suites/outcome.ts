/** The numbers of passed and failed tests of a suite. A suite that crashed has at least one failure. */
export interface Outcome {
  passed: number;
  failed: number;
}

export const pass: Outcome = { passed: 1, failed: 0 };
export const fail: Outcome = { passed: 0, failed: 1 };

/** Adds a failure if the process failed although no test did, or if there was no test. */
export function settle(outcome: Outcome, succeeded: boolean): Outcome {
  const crashed = !succeeded && outcome.failed === 0;
  const empty = outcome.passed + outcome.failed === 0;
  return crashed || empty ? { ...outcome, failed: outcome.failed + 1 } : outcome;
}

export function sum(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed }), {
    passed: 0,
    failed: 0,
  });
}
