/** The manager's settings, from the Worker's variables (wrangler.jsonc), and what its secrets must be like. */

export interface Settings {
  /** How many hubs share the agents. */
  readonly hubShards: number;
  readonly heartbeatIntervalMs: number;
  /** How long a connection counts as alive after its last sign of life. */
  readonly leaseMs: number;
  /** The longest frame accepted, in bytes of UTF-8. */
  readonly maxFrameBytes: number;
  /** What one connection may send on average; {@link BURST_S} seconds' worth at once. */
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Frames that one hub serves a second before it shares them out equally. */
  readonly hubMessagesPerSecond: number;
}

/** Seconds' worth of its budget that a connection may send at once, after silence. */
export const BURST_S = 5;

/** Secrets and their least lengths: a password that resists guessing at the log-in's pace, a full HS256 key. */
const SECRETS = { ADMIN_PASSWORD: 12, JWT_SECRET: 32 } as const;

/** What keeps this manager from serving, in a sentence that names the secret or variable; null when all is well. */
export function misconfiguration(env: Env): string | null {
  for (const [name, least] of Object.entries(SECRETS) as [keyof typeof SECRETS, number][]) {
    // Typed as present, but a deployment may lack it: that is what is being checked.
    const value: string | undefined = env[name];
    if (!value) return `the secret ${name} is not set`;
    if (value.length < least) return tooShort(name, least);
  }
  if (env.JWT_SECRET_PREVIOUS && env.JWT_SECRET_PREVIOUS.length < SECRETS.JWT_SECRET) {
    return tooShort("JWT_SECRET_PREVIOUS", SECRETS.JWT_SECRET);
  }
  try {
    settings(env);
    addressSource(env);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function tooShort(name: string, least: number): string {
  return `the secret ${name} is too short: ${least} characters at least`;
}

/** @throws when a variable is not a whole number within its bounds. */
export function settings(env: Env): Settings {
  const maxFrameBytes = wholeNumber("MAX_FRAME_BYTES", env.MAX_FRAME_BYTES, 1024, 1_048_576);
  // A smaller budget could never pay for a frame of the size that is allowed.
  const leastBytes = Math.ceil(maxFrameBytes / BURST_S);
  const heartbeatIntervalMs = wholeNumber("HEARTBEAT_INTERVAL_MS", env.HEARTBEAT_INTERVAL_MS, 100, 3_600_000);
  return {
    hubShards: wholeNumber("HUB_SHARDS", env.HUB_SHARDS, 1, 256),
    heartbeatIntervalMs,
    leaseMs: wholeNumber("LEASE_MS", env.LEASE_MS, heartbeatIntervalMs + 1, 3_600_000),
    maxFrameBytes,
    messagesPerSecond: wholeNumber("MESSAGES_PER_SECOND", env.MESSAGES_PER_SECOND, 1, 1_000_000),
    bytesPerSecond: wholeNumber("BYTES_PER_SECOND", env.BYTES_PER_SECOND, leastBytes, 1_000_000_000),
    hubMessagesPerSecond: wholeNumber("HUB_MESSAGES_PER_SECOND", env.HUB_MESSAGES_PER_SECOND, 100, 1_000_000),
  };
}

/**
 * Where a client's address comes from: the header that Cloudflare sets, or one address that all clients have, null where
 * nothing can tell. Without Cloudflare in front a client could say any address in that header.
 * @throws when the variable is none of these
 */
export function addressSource(env: Env): { readonly header: boolean; readonly address: string | null } {
  const { CLIENT_ADDRESS: source } = env;
  if (source === "cloudflare") return { header: true, address: null };
  if (source === "unknown") return { header: false, address: null };
  if (/^[\da-f:.]{2,45}$/i.test(source)) return { header: false, address: source };
  throw new Error("the variable CLIENT_ADDRESS must be cloudflare, unknown or an IP address");
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`the variable ${name} must be a whole number from ${least} to ${most}`);
  }
  return value;
}
