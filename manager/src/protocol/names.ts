/**
 * Checks names, and cleans the texts with which a host describes itself. A person chooses a name and can choose
 * another, so a bad name is refused. A host cannot choose another hostname, so a bad text is cleaned and the host may
 * still register.
 */

/** Control characters, line and paragraph separators, and lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Embeddings, overrides and isolates. They reorder the text around them. Right-to-left scripts work without them. */
const EXPLICIT_DIRECTION = /[\u202A-\u202E\u2066-\u2069]/u;

/**
 * Invisible characters. Joiners, marks of direction, variation selectors and tags are excepted, because letters and
 * emoji need them.
 */
const HIDDEN =
  /(?![\p{Join_Control}\p{Variation_Selector}\p{Bidi_Control}\u{E0020}-\u{E007F}]|\u034F)[\p{DI}\u2800\uFFF9-\uFFFB]/u;

/** A character that is visible by itself: not a space, not a combining mark, not an invisible character. */
const VISIBLE = /(?![\p{DI}\p{Cf}\u2800])[\p{L}\p{N}\p{P}\p{S}\p{Co}]/u;

/** The reason why a name is refused; null if it is valid. */
export function nameFault(name: string): string | null {
  if (UNPRINTABLE.test(name)) return "must not contain control characters or line breaks";
  if (EXPLICIT_DIRECTION.test(name)) return "must not contain characters that change the direction of text";
  if (HIDDEN.test(name)) return "must not contain invisible characters";
  if (!VISIBLE.test(name)) return "must contain a visible character";
  return null;
}

/** The characters that are removed from a host's text. It needs neither joiners nor marks of direction. */
const REMOVED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800]+/gu;

/** Removes invisible characters from a host's text and cuts it to `longest`. Returns "unknown" if nothing is left. */
export function cleanHostText(text: string, longest: number): string {
  const cleaned = cut(text.replace(REMOVED, "").trim(), longest);
  return VISIBLE.test(cleaned) ? cleaned : "unknown";
}

/** The first `longest` UTF-16 units of `text`, without a lone surrogate or white space at the end. */
export function cut(text: string, longest: number): string {
  return text
    .slice(0, longest)
    .replace(/[\uD800-\uDBFF]$/, "")
    .trimEnd();
}
