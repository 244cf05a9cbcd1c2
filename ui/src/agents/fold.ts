/** As the manager's `registry/search.ts` folds text, so that a search here finds what `GET /api/agents?q=` finds. */
export function fold(text: string): string {
  // Most names are ASCII, and there are many.
  if (isAscii(text)) return text.toLowerCase();
  // Upper case first: ß becomes SS, and ſ becomes S. Then each character alone is made lower case, because a Σ at the
  // end of a word would become another letter than elsewhere.
  const folded = Array.from(text.normalize("NFC").toUpperCase(), (char) => char.toLowerCase()).join("");
  // In lower case, İ is an i and a combining dot. The dot is removed.
  return folded.replaceAll("i\u0307", "i").normalize("NFC");
}

/**
 * A key by which plain comparison gives the natural order: edge-2 before edge-10, in any case, without accents. Comparing
 * keys is much faster than a collator, which matters for ten thousand names.
 */
export function naturalKey(text: string): string {
  const folded = isAscii(text)
    ? text.toLowerCase()
    : fold(text)
        .normalize("NFD")
        .replace(/[\p{M}\p{Cf}]/gu, "");
  // A longer number is larger, so its length goes first.
  return folded.replace(/0*(\d+)/g, (_, digits: string) => String.fromCharCode(48 + digits.length) + digits);
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
