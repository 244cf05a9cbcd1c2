/**
 * What may stand in a name that people read, and how the words that a host says of itself are cleaned. A name is chosen
 * by a person, who can choose another: a bad one is refused. A host cannot: a bad word of its own must not keep it
 * away.
 */

/** Control characters, line and paragraph separators, and halves of a character that is cut in two. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;

/**
 * Embeddings, overrides and isolates: they reorder the text around them. Scripts that run from right to left need none.
 */
const TURNING = /[\u202A-\u202E\u2066-\u2069]/u;

/**
 * Characters that show nothing, but for those that letters and emoji are joined, shaped or ordered with: joiners, marks
 * of direction, variation selectors and tags.
 */
const HIDDEN =
  /(?![\p{Join_Control}\p{Variation_Selector}\p{Bidi_Control}\u{E0020}-\u{E007F}]|\u034F)[\p{DI}\u2800\uFFF9-\uFFFB]/u;

/** Anything that shows something by itself: no space, no mark that needs a letter, nothing invisible. */
const VISIBLE = /(?![\p{DI}\p{Cf}\u2800])[\p{L}\p{N}\p{P}\p{S}\p{Co}]/u;

/** What is wrong with a name; null when nothing is. */
export function faultInName(name: string): string | null {
  if (UNPRINTABLE.test(name)) return "must not contain control characters or line breaks";
  if (TURNING.test(name)) return "must not contain characters that change the direction of text";
  if (HIDDEN.test(name)) return "must not contain invisible characters";
  if (!VISIBLE.test(name)) return "must contain a visible character";
  return null;
}

/** All that a host's word loses: it needs neither joiners nor marks of direction. */
const UNWANTED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800]+/gu;

/**
 * A word that a host says of itself, without what does not show, and no longer than `longest`; "unknown" if nothing is
 * left.
 */
export function hostWord(word: string, longest: number): string {
  const cleaned = cut(word.replace(UNWANTED, "").trim(), longest);
  return VISIBLE.test(cleaned) ? cleaned : "unknown";
}

/** The first `longest` UTF-16 units of `text`, without half a character or a space at the end. */
export function cut(text: string, longest: number): string {
  return text
    .slice(0, longest)
    .replace(/[\uD800-\uDBFF]$/, "")
    .trimEnd();
}
