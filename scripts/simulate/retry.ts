/**
 * When agents try to connect again: the policy of agent/internal/link/retry.go, for many agents at once. All times are
 * milliseconds.
 */
import type { Random } from "./random.ts";

const FIRST_WINDOW_MS = 2_000;
const MULTIPLIER = 1.1;
const LONGEST_WINDOW_MS = 60_000;
/** A window is this many times as long as the trouble has lasted. */
const PER_TROUBLE = 1.5;

/**
 * The spread that a hub with so many agents asks for: `reconnectSpreadMs` in manager/src/hub/welcome.ts.
 * @param longest the longest spread for the sake of the whole fleet
 */
export function reconnectSpreadMs(agentsOfHub: number, hubs: number, longest = 120_000): number {
  return Math.max(1_000, Math.min(60_000, agentsOfHub * 10), Math.min(longest, agentsOfHub * hubs * 1.2));
}

export class RetryPolicy {
  readonly #random: Random;
  readonly #window: Float64Array;
  readonly #troubleSince: Float64Array;
  /** The spread of each agent's last welcome. */
  readonly spreadMs: Float64Array;
  readonly #longestMs: number;

  /** @param longestMs the longest window; longer than the agent's only to see what a change would bring */
  constructor(agents: number, random: Random, longestMs = LONGEST_WINDOW_MS) {
    this.#random = random;
    this.#window = new Float64Array(agents).fill(FIRST_WINDOW_MS);
    this.#troubleSince = new Float64Array(agents);
    this.spreadMs = new Float64Array(agents);
    this.#longestMs = longestMs;
  }

  /** The wait after a connection that was up for more than a minute has broken. */
  afterLoss(agent: number, now: number): number {
    this.#window[agent] = FIRST_WINDOW_MS;
    this.#troubleSince[agent] = now;
    return this.#random.upTo(this.#spread(agent));
  }

  /** The wait after a failed attempt. @param retryAfterMs what the manager asked for; 0 if nothing */
  afterFailure(agent: number, now: number, retryAfterMs = 0): number {
    const trouble = now - (this.#troubleSince[agent] ?? now);
    const wanted = Math.min(trouble * PER_TROUBLE, LONGEST_WINDOW_MS);
    let window = this.#window[agent] ?? FIRST_WINDOW_MS;
    while (window < wanted) window = Math.min(LONGEST_WINDOW_MS, window * MULTIPLIER);
    this.#window[agent] = window;
    return retryAfterMs + this.#random.upTo(Math.min(this.#longestMs, Math.max(this.#spread(agent), window)));
  }

  #spread(agent: number): number {
    return this.spreadMs[agent] ?? 0;
  }
}
