/** JSON as text. Parsing it to values would change numbers such as 9007199254740993 or 1e400. */

const tokens = /"(?:\\.|[^"\\])*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

/** Deeper values are not indented further: a line of hundreds of spaces helps nobody, and many of them are long. */
const deepestIndent = 32;

/** Why the text is not one JSON value, in the browser's words; null if it is. */
export function jsonProblem(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The same JSON with line breaks and indents. Strings, numbers and the order of keys stay as they are written. */
export function indentJson(text: string): string {
  let indented = "";
  let depth = 0;
  let hasJustOpened = false;
  const newLine = () => `\n${"  ".repeat(Math.min(depth, deepestIndent))}`;
  for (const [token] of text.matchAll(tokens)) {
    const opens = token === "{" || token === "[";
    const closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    // An empty object or array stays on one line.
    if (closes !== hasJustOpened) indented += newLine();
    indented += token;
    if (opens) depth += 1;
    if (token === ":") indented += " ";
    if (token === ",") indented += newLine();
    hasJustOpened = opens;
  }
  return indented;
}

/** The text of a member of the object that the text is; null if the object does not have it. The last one counts. */
export function memberText(text: string, name: string): string | null {
  const wanted = JSON.stringify(name);
  let found: string | null = null;
  let depth = 0;
  let key: string | undefined;
  let from: number | undefined;
  for (const match of text.matchAll(tokens)) {
    const [token] = match;
    if (token === "}" || token === "]") depth -= 1;
    const ends = (depth === 1 && token === ",") || (depth === 0 && token === "}");
    if (ends && from !== undefined) {
      if (key === wanted) found = text.slice(from, match.index).trim();
      from = undefined;
    } else if (depth === 1 && from === undefined) {
      if (token === ":") from = match.index + 1;
      else key = token;
    }
    if (token === "{" || token === "[") depth += 1;
  }
  return found;
}
