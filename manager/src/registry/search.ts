/**
 * How agents are searched: by part of what they are called, in any case. Pure; SQLite folds the case of ASCII alone.
 */

/** Text as it is compared: without case, and each character in one spelling. Folded ASCII is ASCII. */
export function fold(text: string): string {
  // Upper case first: ß is SS, and ſ an S. Then each by itself: in a word, the last Σ would become another letter.
  const folded = Array.from(text.normalize("NFC").toUpperCase(), (char) => char.toLowerCase()).join("");
  // The dot that İ keeps over its i.
  return folded.replaceAll("i\u0307", "i").normalize("NFC");
}

export interface Searched {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly address: string | null;
}

/** Whether an agent has this text, already folded, in its name, id, hostname or address. */
export function isFound({ id, name, hostname, address }: Searched, folded: string): boolean {
  return [name, id, hostname, address ?? ""].some((text) => fold(text).includes(folded));
}
