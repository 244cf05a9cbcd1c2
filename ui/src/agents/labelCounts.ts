import { splitLabel } from "./label.ts";

/** A label, and how many of some agents have it. */
export interface LabelCount {
  readonly label: string;
  readonly count: number;
}

/** The labels of some agents by key, in the order of the keys. Of one key, those that most agents have come first. */
export function countLabels(agents: readonly { readonly labels: readonly string[] }[]): Map<string, LabelCount[]> {
  const counts = new Map<string, number>();
  for (const { labels } of agents) for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const sorted = [...counts].map(([label, count]) => ({ label, count })).toSorted((a, b) => b.count - a.count);
  const byKey = Map.groupBy(sorted, ({ label }) => splitLabel(label).key);
  return new Map([...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
