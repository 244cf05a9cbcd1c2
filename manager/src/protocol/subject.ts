/** Subjects, as docs/PROTOCOL.md "Subjects" defines them. Pure, and total on any string. */

const MAX_BYTES = 255;
const MAX_TOKENS = 16;
const TOKEN = /^[!-)+-\-/-=?-~]{1,64}$/; // `!` to `~` without `*`, `.` and `>`

/** Whether `s` is a subject: something that a message can be sent to. */
export function isSubject(s: string): boolean {
  // Every character of a valid subject is one byte, so the length decides before anything is split.
  if (s.length === 0 || s.length > MAX_BYTES) return false;
  const tokens = s.split(".");
  return tokens.length <= MAX_TOKENS && tokens.every((token) => TOKEN.test(token));
}

const INBOX = "inbox.";

/** The inbox of request `token` on connection `connection`. */
export function inbox(connection: string, token: string): string {
  return `${INBOX}${connection}.${token}`;
}

/** Whether `subject` is some connection's inbox. */
export function isInbox(subject: string): boolean {
  return subject.startsWith(INBOX);
}

/** The request token when `subject` is an inbox of `connection`, else null. */
export function inboxToken(subject: string, connection: string): string | null {
  const prefix = `${INBOX}${connection}.`;
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : null;
}
