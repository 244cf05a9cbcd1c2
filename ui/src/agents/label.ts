/** Labels of agents: docs/PROTOCOL.md "Labels". `labelRules.ts` checks what an operator types. */

/** The key and the value of a label. The value is empty if the label is a key alone. */
export function splitLabel(label: string): { key: string; value: string } {
  const end = label.indexOf("=");
  return end === -1 ? { key: label, value: "" } : { key: label.slice(0, end), value: label.slice(end + 1) };
}

/** A label as the manager keeps it: without the `=` if it has no value. */
export function normalLabel(label: string): string {
  const { key, value } = splitLabel(label);
  return value === "" ? key : label;
}

/** The filter of docs/API.md that only this label matches: a key alone would match each label with that key. */
export function labelFilter(label: string): string {
  return label.includes("=") ? label : `${label}=`;
}

/** A label filter as an operator reads it. */
export function filterWords(filter: string): string {
  return filter.includes("=") ? normalLabel(filter) : `${filter} (any value)`;
}

/** Whether an agent with these labels matches a label filter. */
export function matchesFilter(labels: readonly string[], filter: string): boolean {
  return filter.includes("=")
    ? labels.includes(normalLabel(filter))
    : labels.some((label) => splitLabel(label).key === filter);
}
