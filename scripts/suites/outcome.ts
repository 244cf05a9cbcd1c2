/** What a suite found: the number of tests that passed, and a line for each that failed. */
export interface Outcome {
  passed: number;
  failures: readonly string[];
}

/** Adds a failure if the process failed although no test did, or if there was no test. */
export function settle(name: string, outcome: Outcome, succeeded: boolean): Outcome {
  const { passed, failures } = outcome;
  const crashed = !succeeded && failures.length === 0;
  const empty = passed + failures.length === 0;
  const problem = empty ? "no test ran" : "its process failed although no test did";
  return crashed || empty ? { passed, failures: [...failures, `${name}: ${problem}`] } : outcome;
}

export function sum(outcomes: readonly Outcome[]): Outcome {
  return {
    passed: outcomes.reduce((total, { passed }) => total + passed, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}

/**
 * The end of the output: all failures once more, because theirs is far above, and the numbers in the last line.
 */
export function verdict({ passed, failures }: Outcome): string {
  return [...failures.map((failure) => `✗ ${failure}`), `${passed} passed, ${failures.length} failed`].join("\n");
}
