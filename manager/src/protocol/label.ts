/** Labels of agents: docs/PROTOCOL.md "Labels". All functions are pure and accept any string. */
import { nameFault } from "./names.ts";

/** The largest number of labels of an agent. */
export const MAX_LABELS = 16;

const MAX_VALUE_CHARACTERS = 63;
const KEY = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;

/** Whether `s` may be the key of a label. */
export function isLabelKey(s: string): boolean {
  return KEY.test(s);
}

/** The key and the value of a label. The value is empty if the label is a key alone. */
export function splitLabel(label: string): { key: string; value: string } {
  const end = label.indexOf("=");
  return end === -1 ? { key: label, value: "" } : { key: label.slice(0, end), value: label.slice(end + 1) };
}

/** A label from its key and its value. It is the inverse of {@link splitLabel}. */
export function joinLabel(key: string, value: string): string {
  return value === "" ? key : `${key}=${value}`;
}

/** The reason why a label is refused; null if it is valid. */
export function labelFault(label: string): string | null {
  const { key, value } = splitLabel(label);
  if (!isLabelKey(key)) {
    return "the key must have 1 to 63 letters, digits, '.', '_', '-' or '/', and begin with a letter or a digit";
  }
  if (value === "") return null;
  if (Array.from(value).length > MAX_VALUE_CHARACTERS) {
    return `the value must have at most ${MAX_VALUE_CHARACTERS} characters`;
  }
  const fault = nameFault(value);
  if (fault !== null) return `the value ${fault}`;
  return value.trim() === value ? null : "the value must not begin or end with white space";
}

/** The reason why valid labels may not be on one agent together; null if they may. */
export function labelsFault(labels: readonly string[]): string | null {
  if (labels.length > MAX_LABELS) return `there must be at most ${MAX_LABELS} labels`;
  const keys = new Set(labels.map((label) => splitLabel(label).key));
  return keys.size === labels.length ? null : "two labels must not have the same key";
}
