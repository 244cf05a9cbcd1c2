/**
 * Scans JSON text without parsing it into values: docs/PROTOCOL.md "Payloads". A payload is passed on as the text that
 * was received. So it keeps its spelling of numbers, the order of its keys, duplicate keys and escapes. A parser would
 * change them.
 */

/** How deep the arrays and objects of one member's value may be nested. Every JSON parser can read this depth. */
export const MAX_DEPTH = 512;

/** The value of an object's member, as text, and how deep it is nested (0: neither an array nor an object). */
export interface Member {
  readonly text: string;
  readonly depth: number;
}

/**
 * The members of the JSON object in `text`, by name. If a name occurs twice, the last member counts.
 * @returns "not_json" if `text` is not one JSON text (RFC 8259), "not_an_object" if it is another JSON value
 */
export function readObject(text: string): Map<string, Member> | "not_json" | "not_an_object" {
  const scanner = new Scanner(text);
  scanner.skipSpace();
  if (scanner.next !== OPEN_BRACE) return scanner.skipValue() && scanner.atEnd() ? "not_an_object" : "not_json";
  const members = new Map<string, Member>();
  let isFirst = true;
  scanner.take(OPEN_BRACE);
  for (;;) {
    scanner.skipSpace();
    if (isFirst && scanner.take(CLOSE_BRACE)) break;
    const nameStart = scanner.at;
    if (!scanner.skipString()) return "not_json";
    const name = parseString(text.slice(nameStart, scanner.at));
    scanner.skipSpace();
    if (!scanner.take(COLON)) return "not_json";
    scanner.skipSpace();
    const start = scanner.at;
    if (!scanner.skipValue()) return "not_json";
    members.set(name, { text: text.slice(start, scanner.at), depth: scanner.depth });
    scanner.skipSpace();
    if (scanner.take(CLOSE_BRACE)) break;
    if (!scanner.take(COMMA)) return "not_json";
    isFirst = false;
  }
  return scanner.atEnd() ? members : "not_json";
}

/** The value of `text`, which is a valid JSON string. Most have no escape, and a call of the parser takes longer than a copy. */
export function parseString(text: string): string {
  return text.includes("\\") ? String(JSON.parse(text)) : text.slice(1, -1);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The characters that a string may contain without an escape: all except `"`, the backslash and those below U+0020. */
const PLAIN = /[ !#-[\]-\uffff]*/y;
/** Most strings. They need one test instead of three steps. */
const WITHOUT_ESCAPE = /"[ !#-[\]-\uffff]*"/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const SCALAR = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

class Scanner {
  /** The position in the text. */
  at = 0;
  /** How deep the last skipped value was nested. */
  depth = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next UTF-16 unit; NaN at the end. */
  get next(): number {
    return this.#text.charCodeAt(this.at);
  }

  /** Moves past the next unit if it is `unit`. */
  take(unit: number): boolean {
    if (this.next !== unit) return false;
    this.at++;
    return true;
  }

  skipSpace(): void {
    for (;;) {
      const unit = this.next;
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.at++;
    }
  }

  /** Whether only white space is left. */
  atEnd(): boolean {
    this.skipSpace();
    return this.at === this.#text.length;
  }

  /** Moves past a string; false if the next token is not a string. */
  skipString(): boolean {
    if (this.#skip(WITHOUT_ESCAPE)) return true;
    if (!this.take(QUOTE)) return false;
    for (;;) {
      this.#skip(PLAIN);
      if (this.take(QUOTE)) return true;
      if (this.next !== BACKSLASH || !this.#skip(ESCAPE)) return false;
    }
  }

  /** Moves past a value; false if there is no valid value. It has its own stack, so it can follow any depth. */
  skipValue(): boolean {
    const open: number[] = [];
    this.depth = 0;
    for (;;) {
      if (this.next === OPEN_BRACE || this.next === OPEN_BRACKET) {
        open.push(this.next);
        this.depth = Math.max(this.depth, open.length);
        this.at++;
        this.skipSpace();
        if (this.next === closing(open)) {
          // The array or object is empty. The loop below moves past its end.
        } else if (open[open.length - 1] === OPEN_BRACE) {
          if (!this.#skipName()) return false;
          continue;
        } else {
          continue;
        }
      } else if (!(this.next === QUOTE ? this.skipString() : this.#skip(SCALAR))) {
        return false;
      }
      // A value has ended. The arrays and objects around it may end too.
      for (;;) {
        if (open.length === 0) return true;
        this.skipSpace();
        if (this.take(closing(open))) {
          open.pop();
          continue;
        }
        if (!this.take(COMMA)) return false;
        this.skipSpace();
        if (open[open.length - 1] === OPEN_BRACE && !this.#skipName()) return false;
        break;
      }
    }
  }

  /** Moves past a member's name and colon, to its value. */
  #skipName(): boolean {
    if (!this.skipString()) return false;
    this.skipSpace();
    if (!this.take(COLON)) return false;
    this.skipSpace();
    return true;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}

/** The closing bracket or brace of the innermost open array or object. */
function closing(open: readonly number[]): number {
  return open[open.length - 1] === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
}
