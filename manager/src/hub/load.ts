/**
 * The load of a hub. A hub handles one frame at a time, so the frames of one sender delay all others. When the hub is
 * nearly full, each sender gets an equal share, so the heaviest senders are refused first.
 */

/** Frames are counted in windows of this length. */
const WINDOW_MS = 1_000;
/** A hub is nearly full when it has used this part of its capacity. Then each sender gets only its share. */
const NEARLY_FULL = 0.8;
/** To handle a frame costs as much as to handle this many bytes. */
const BYTES_PER_FRAME = 8_192;

export class Load {
  readonly #perWindow: number;
  #windowStart = 0;
  #served = 0;
  /** The frames served to each sender in this window, by connection id. */
  #bySender = new Map<string, number>();
  /** The number of senders in the previous window. It decides how large a share is at the start of this window. */
  #sendersBefore = 0;

  /** @param capacity frames that the hub can serve in a second */
  constructor(capacity: number) {
    this.#perWindow = (capacity * WINDOW_MS) / 1000;
  }

  /**
   * Counts a frame if it may be served.
   * @param now Unix milliseconds
   * @returns false if the hub is nearly full and the sender has used its share
   */
  admit(connectionId: string, bytes: number, now: number): boolean {
    this.#turn(now);
    const cost = 1 + Math.floor(bytes / BYTES_PER_FRAME);
    const had = this.#bySender.get(connectionId) ?? 0;
    const share = this.#perWindow / Math.max(this.#sendersBefore, this.#bySender.size, 1);
    // The first frame of a window always passes: a large one may cost more than any share.
    if (had > 0 && this.#served + cost > this.#perWindow * NEARLY_FULL && had + cost > share) return false;
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
