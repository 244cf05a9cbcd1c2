/**
 * How much a hub is asked to do. A hub handles one frame at a time, so what some send delays all others. While it is
 * asked for more than it can serve, each sender gets an equal share, and those that send the most are refused first.
 */

/** Frames are counted in windows of this length. */
const WINDOW_MS = 1_000;
/** From this part of its capacity on, a hub shares what it has. */
const NEARLY_FULL = 0.8;
/** Handling a frame costs as much as handling this many bytes of it. */
const BYTES_PER_FRAME = 8_192;

export class Load {
  readonly #perWindow: number;
  #windowStart = 0;
  #served = 0;
  /** What each sender has had of this window, by connection id. */
  #bySender = new Map<string, number>();
  /** Senders in the window before, which this window's shares are made by. */
  #sendersBefore = 0;

  /** @param capacity frames a second that the hub can serve */
  constructor(capacity: number) {
    this.#perWindow = (capacity * WINDOW_MS) / 1000;
  }

  /**
   * Counts a frame if it may be served.
   * @param now Unix milliseconds
   * @returns false if the hub is nearly full and the sender has had its share
   */
  admit(connectionId: string, bytes: number, now: number): boolean {
    this.#turn(now);
    const cost = 1 + Math.floor(bytes / BYTES_PER_FRAME);
    const had = this.#bySender.get(connectionId) ?? 0;
    const share = this.#perWindow / Math.max(this.#sendersBefore, this.#bySender.size, 1);
    if (this.#served + cost > this.#perWindow * NEARLY_FULL && had + cost > share) return false;
    this.#served += cost;
    this.#bySender.set(connectionId, had + cost);
    return true;
  }

  #turn(now: number): void {
    const elapsed = now - this.#windowStart;
    if (elapsed >= 0 && elapsed < WINDOW_MS) return;
    this.#sendersBefore = elapsed < 2 * WINDOW_MS ? this.#bySender.size : 0;
    this.#windowStart = now;
    this.#served = 0;
    this.#bySender = new Map();
  }
}
