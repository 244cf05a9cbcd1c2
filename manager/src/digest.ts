/** Random identifiers and digests. */

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"; // RFC 4648 base 32, lower case: valid in a token of a subject
const HEX = "0123456789abcdef";
const ID_LENGTH = 20; // 100 bits
const UTF8 = new TextEncoder();

/** A random identifier of 20 base-32 characters. */
export function randomId(): string {
  return base32(crypto.getRandomValues(new Uint8Array(ID_LENGTH)));
}

/** The id of the agent that enrols with this enrolment and install id. A repeated enrolment gives the same id. */
export async function agentId(enrolmentId: string, installId: string): Promise<string> {
  return base32(new Uint8Array(await sha256(`${enrolmentId}\n${installId}`)).subarray(0, ID_LENGTH));
}

/** SHA-256 of `text`, in hex. */
export async function sha256Hex(text: string): Promise<string> {
  // Array.from() with a function takes many times as long, here and below.
  let hex = "";
  for (const byte of new Uint8Array(await sha256(text))) hex += HEX.charAt(byte >> 4) + HEX.charAt(byte & 15);
  return hex;
}

/**
 * Whether a given secret is the right one. The time that the comparison takes depends on the length of the given one only.
 */
export function sameSecret(given: string, right: string): boolean {
  const [a, b] = [UTF8.encode(given), UTF8.encode(right)];
  return a.length === b.length ? crypto.subtle.timingSafeEqual(a, b) : !crypto.subtle.timingSafeEqual(a, a);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", UTF8.encode(text));
}

/** One character per byte, from its low five bits. */
function base32(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += ALPHABET.charAt(byte & 31);
  return text;
}
