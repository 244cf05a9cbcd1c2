/**
 * JSON as text. A payload is printed as it was sent: to parse it would change numbers that JavaScript cannot hold, and
 * keys that are there twice. All texts here must be valid JSON.
 */

const tokens = /"(?:\\.|[^"\\])*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;
const nameAndColon = /^("(?:\\.|[^"\\])*")\s*:\s*/;

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

/** The text of a member of an object; undefined if it is not there. The last one counts. */
export function memberText(text: string, name: string): string | undefined {
  const isNamed = (part: string) => JSON.parse(nameAndColon.exec(part)?.[1] ?? "null") === name;
  return partsOf(text).findLast(isNamed)?.replace(nameAndColon, "");
}

/** The same JSON on one line. Strings have no line feeds, so only white space between tokens changes. */
export function onOneLine(text: string): string {
  return text.replaceAll(/[\n\r\t]+/g, " ");
}
