import { splitLabel } from "./label.ts";

/** A change of the labels of an agent, or of many. No key is in both. */
export interface LabelChange {
  /** Each replaces the label with the same key. */
  readonly add: readonly string[];
  /** Keys. */
  readonly remove: readonly string[];
}

/** The labels that an agent has after a change, sorted. */
export function changedLabels(labels: readonly string[], { add, remove }: LabelChange): string[] {
  const gone = new Set([...remove, ...add.map((label) => splitLabel(label).key)]);
  return [...labels.filter((label) => !gone.has(splitLabel(label).key)), ...add].toSorted();
}
