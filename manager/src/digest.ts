/** Random identifiers and digests. */

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"; // RFC 4648 base 32, lower case: safe as a subject's token
const ID_LENGTH = 20; // 100 bits

/** A random identifier of 20 base-32 characters. */
export function randomId(): string {
  return base32(crypto.getRandomValues(new Uint8Array(ID_LENGTH)));
}

/** The identifier that the agent with this install id gets from this enrolment: repeating an enrolment finds it again. */
export async function agentId(enrolmentId: string, installId: string): Promise<string> {
  return base32(new Uint8Array(await sha256(`${enrolmentId}\n${installId}`)).subarray(0, ID_LENGTH));
}

/** SHA-256 of `text`, in hex. */
export async function sha256Hex(text: string): Promise<string> {
  return Array.from(new Uint8Array(await sha256(text)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether two secrets are equal, in a time that tells nothing of where they differ. */
export async function sameSecret(a: string, b: string): Promise<boolean> {
  const [digestA, digestB] = await Promise.all([sha256(a), sha256(b)]);
  return crypto.subtle.timingSafeEqual(digestA, digestB);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

/** One character for each byte's low five bits. */
function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => ALPHABET.charAt(byte & 31)).join("");
}
