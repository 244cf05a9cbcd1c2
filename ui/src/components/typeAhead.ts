/** Letters that follow each other within this time belong together. */
const togetherMs = 700;

/**
 * Finds words by their first letters, as menus do. The function gets a typed letter and the place of the present words,
 * -1 if there are none, and returns the place of those that are meant: the next ones that begin with what was typed, round
 * the end; -1 if none do.
 */
export function typeAhead(words: readonly string[], now = () => performance.now()) {
  let typed = "";
  let typedAt = Number.NEGATIVE_INFINITY;
  return (letter: string, at: number): number => {
    typed = now() - typedAt < togetherMs ? typed + letter : letter;
    typedAt = now();
    // The same letter again goes on to the next word that begins with it.
    const isRepeated = typed.length > 1 && [...typed].every((each) => each === typed[0]);
    const start = (isRepeated ? letter : typed).toLocaleLowerCase();
    const from = start.length === 1 ? at + 1 : Math.max(at, 0);
    const places = words.map((_, n) => (from + n) % words.length);
    return places.find((place) => words[place]?.toLocaleLowerCase().startsWith(start)) ?? -1;
  };
}
