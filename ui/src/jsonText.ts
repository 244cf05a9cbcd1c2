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
  const member = partsOf(text).findLast((part) => memberName(part) === name);
  return member === undefined ? null : member.replace(nameAndColon, "");
}

const nameAndColon = /^("(?:\\.|[^"\\])*")\s*:\s*/;

function memberName(member: string): unknown {
  const [, name] = nameAndColon.exec(member) ?? [];
  return name === undefined ? undefined : JSON.parse(name);
}

/** The texts of the elements of an array, or of the members of an object. */
export function partsOf(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from: number | undefined;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    const closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    const ends = closes ? depth === 0 : depth === 1 && token === ",";
    if (!ends && depth > 0) from ??= index;
    if (ends && from !== undefined) {
      parts.push(text.slice(from, index).trim());
      from = undefined;
    }
    if (token === "{" || token === "[") depth += 1;
  }
  return parts;
}
