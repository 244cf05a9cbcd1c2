/** Subjects and patterns: docs/PROTOCOL.md "Subjects". All functions are pure and accept any string. */

const MAX_BYTES = 255;
const MAX_TOKENS = 16;
const TOKEN = /^[!-)+-\-/-=?-~]{1,64}$/; // `!` to `~` without `*`, `.` and `>`

/** Whether `s` is a subject. */
export function isSubject(s: string): boolean {
  return isJoined(s, (token) => TOKEN.test(token));
}

/** Whether `s` is a pattern: like a subject, but any token may be `*` and the last token may be `>`. */
export function isPattern(s: string): boolean {
  return isJoined(s, (token, isLast) => token === "*" || (token === ">" && isLast) || TOKEN.test(token));
}

/**
 * Whether `pattern` matches `subject`. `*` stands for one token, a final `>` for one or more. False if either is
 * invalid.
 */
export function matches(pattern: string, subject: string): boolean {
  if (!isPattern(pattern) || !isSubject(subject)) return false;
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  const isOpen = wanted[wanted.length - 1] === ">";
  if (isOpen ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
  return wanted.every((token, i) => token === "*" || (isOpen && i === wanted.length - 1) || token === tokens[i]);
}

function isJoined(s: string, isToken: (token: string, isLast: boolean) => boolean): boolean {
  // A valid subject is ASCII, so its length is its size in bytes.
  if (s.length === 0 || s.length > MAX_BYTES) return false;
  const tokens = s.split(".");
  return tokens.length <= MAX_TOKENS && tokens.every((token, i) => isToken(token, i === tokens.length - 1));
}

const INBOX = "inbox.";

/** The inbox of request `token` on connection `connection`. */
export function inbox(connection: string, token: string): string {
  return `${INBOX}${connection}.${token}`;
}

/** Whether `subject` is an inbox, of any connection. */
export function isInbox(subject: string): boolean {
  return subject.startsWith(INBOX);
}

/** The request token if `subject` is an inbox of `connection`, else null. */
export function inboxToken(subject: string, connection: string): string | null {
  const prefix = `${INBOX}${connection}.`;
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : null;
}
