/** Subjects and patterns: docs/PROTOCOL.md "Subjects". All functions are pure and accept any string. */

const MAX_BYTES = 255;
const MAX_TOKENS = 16;
const MAX_TOKEN_LENGTH = 64;
const TOKEN = /^[!-)+-\-/-=?-~]{1,64}$/; // `!` to `~` without `*`, `.` and `>`
const EXCLAMATION_MARK = 0x21;
const STAR = 0x2a;
const DOT = 0x2e;
const GREATER = 0x3e;
const TILDE = 0x7e;

/** Whether `s` is a subject. It is asked twice for each frame, and a loop takes a tenth of the time of {@link TOKEN}. */
export function isSubject(s: string): boolean {
  // A valid subject is ASCII, so its length is its size in bytes.
  if (s.length > MAX_BYTES) return false;
  let tokens = 1;
  let length = 0; // of the last token so far
  for (let at = 0; at < s.length; at++) {
    const unit = s.charCodeAt(at);
    if (unit === DOT) {
      if (length === 0) return false;
      tokens++;
      length = 0;
    } else if (
      unit < EXCLAMATION_MARK ||
      unit > TILDE ||
      unit === STAR ||
      unit === GREATER ||
      ++length > MAX_TOKEN_LENGTH
    ) {
      return false;
    }
  }
  return length > 0 && tokens <= MAX_TOKENS;
}

/** Whether `s` is a pattern: like a subject, but any token may be `*` and the last token may be `>`. */
export function isPattern(s: string): boolean {
  if (s.length > MAX_BYTES) return false;
  const tokens = s.split(".");
  const isToken = (token: string, n: number) =>
    token === "*" || (token === ">" && n === tokens.length - 1) || TOKEN.test(token);
  return tokens.length <= MAX_TOKENS && tokens.every(isToken);
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
