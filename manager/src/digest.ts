/** Random identifiers and digests. */

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"; // RFC 4648 base 32, lower case: valid in a token of a subject
const ID_LENGTH = 20; // 100 bits

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
  return Array.from(new Uint8Array(await sha256(text)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether two secrets are equal. The time that the comparison takes does not depend on where they differ. */
export async function sameSecret(a: string, b: string): Promise<boolean> {
  const [digestA, digestB] = await Promise.all([sha256(a), sha256(b)]);
  return crypto.subtle.timingSafeEqual(digestA, digestB);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

/** One character per byte, from its low five bits. */
function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => ALPHABET.charAt(byte & 31)).join("");
}
