/** The manager's settings, from the Worker's variables (wrangler.jsonc), and the rules for its secrets. */

/** The release of the manager. */
export const VERSION = "1.0.0";

export interface Settings {
  /** How many hubs share the agents. */
  readonly hubShards: number;
  readonly heartbeatIntervalMs: number;
  /** How long a connection counts as alive after its last sign of life. */
  readonly leaseMs: number;
  /** The longest frame accepted, in bytes of UTF-8. */
  readonly maxFrameBytes: number;
  /** One connection may send this on average. At once it may send as much as in {@link BURST_S} seconds. */
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Frames per second that one hub can serve. A hub that is nearly full gives every sender an equal share. */
  readonly hubMessagesPerSecond: number;
}

/** After a pause, a connection may send at once as much as in this many seconds, by its average. */
export const BURST_S = 5;

/**
 * Secrets and their minimum lengths. The rate limit on log-ins makes a password of this length hard to guess. A key for
 * HS256 has 32 bytes.
 */
const SECRETS = { ADMIN_PASSWORD: 12, JWT_SECRET: 32 } as const;

/** The reason why this manager cannot serve, as a sentence that names the secret or variable; null if there is none. */
export function misconfiguration(env: Env): string | null {
  for (const [name, least] of Object.entries(SECRETS) as [keyof typeof SECRETS, number][]) {
    // The type says that the secret is there, but a deployment may lack it.
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
  return `the secret ${name} is too short: it needs at least ${least} characters`;
}

/** @throws if a variable is not a whole number within its bounds */
export function settings(env: Env): Settings {
  const maxFrameBytes = wholeNumber("MAX_FRAME_BYTES", env.MAX_FRAME_BYTES, 1024, 1_048_576);
  // With a smaller budget, a connection could never send a frame of the largest allowed size.
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
 * Where the client's address comes from: from the header that Cloudflare sets, or it is the same given address for all
 * clients, or it is unknown (null). Without Cloudflare in front, a client can write any address into that header.
 * @throws if the variable has another value
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
