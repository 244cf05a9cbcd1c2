/** The manager's rules for labels, so that an operator learns of a fault while typing: docs/PROTOCOL.md "Labels". */
import { splitLabel } from "./label.ts";

/** The largest number of labels of an agent, and of labels or keys in one call. */
export const mostLabels = 16;

const longestValue = 63;
const keyForm = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;

const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;
const explicitDirection = /[\u202A-\u202E\u2066-\u2069]/u;
/** Letters and emoji need joiners, marks of direction, variation selectors and tags. */
const hidden =
  /(?![\p{Join_Control}\p{Variation_Selector}\p{Bidi_Control}\u{E0020}-\u{E007F}]|\u034F)[\p{DI}\u2800\uFFF9-\uFFFB]/u;
const visible = /(?![\p{DI}\p{Cf}\u2800])[\p{L}\p{N}\p{P}\p{S}\p{Co}]/u;

/** Why the manager would refuse a label, in a sentence; null if it is valid. */
export function labelFault(label: string): string | null {
  const { key, value } = splitLabel(label);
  if (!keyForm.test(key)) {
    return "The key must have 1 to 63 letters, digits, “.”, “_”, “-” or “/”, and begin with a letter or a digit.";
  }
  if (value === "") return null;
  if (Array.from(value).length > longestValue) return `The value must have at most ${longestValue} characters.`;
  if (unprintable.test(value)) return "The value must not contain control characters or line breaks.";
  if (explicitDirection.test(value)) return "The value must not contain characters that change the direction of text.";
  if (hidden.test(value)) return "The value must not contain invisible characters.";
  if (!visible.test(value)) return "The value must contain a visible character.";
  return value.trim() === value ? null : "The value must not begin or end with white space.";
}
