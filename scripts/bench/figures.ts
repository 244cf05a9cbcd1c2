/** Statistics for the benchmarks, and how they are printed. */

export interface Spread {
  median: number;
  least: number;
  most: number;
  /** Of each round, in their order. */
  rounds: readonly number[];
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
  return { median, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN, rounds: values };
}

/** How many times the other's value each round's is. Both were measured in the same rounds. */
export function ratio(of: Spread, to: Spread): Spread {
  return spread(of.rounds.map((value, round) => value / (to.rounds[round] ?? Number.NaN)));
}

/**
 * The exponent of growth: the slope of the line that fits the logarithms. With 0 the value does not grow; with 1 it
 * doubles when the size doubles.
 */
export function growth(points: readonly { size: number; value: number }[]): number {
  const logs = points.map(({ size, value }) => [Math.log(size), Math.log(value)] as const);
  const mean = (of: 0 | 1) => logs.reduce((sum, log) => sum + log[of], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const covariance = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return covariance / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}

/** Prints a table as Markdown. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  for (const cells of [head, head.map(() => "---"), ...rows]) console.log(`| ${cells.join(" | ")} |`);
}

/** The median, and the least and the most if there is more than one round. */
export function range({ median, least, most, rounds }: Spread, unit: string, digits: number): string {
  const [middle, low, high] = [median, least, most].map((value) => value.toFixed(digits));
  const text = [middle, unit].join(" ").trim();
  return rounds.length > 1 ? `${text} (${low}–${high})` : text;
}
