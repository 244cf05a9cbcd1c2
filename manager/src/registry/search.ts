/** The search for agents, in any case and script. It is done here because SQLite folds the case of ASCII only. */

/** Folds text for comparison: removes case, and normalizes to NFC. Folded ASCII is still ASCII. */
export function fold(text: string): string {
  // Upper case first: ß becomes SS, and ſ becomes S. Then each character alone is made lower case, because a Σ at the
  // end of a word would become another letter than elsewhere.
  const folded = Array.from(text.normalize("NFC").toUpperCase(), (char) => char.toLowerCase()).join("");
  // In lower case, İ is an i and a combining dot. The dot is removed.
  return folded.replaceAll("i\u0307", "i").normalize("NFC");
}

export interface Searched {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly address: string | null;
}

/** Whether an agent has this folded text in its name, id, hostname or address. */
export function isFound({ id, name, hostname, address }: Searched, folded: string): boolean {
  return [name, id, hostname, address ?? ""].some((text) => fold(text).includes(folded));
}
