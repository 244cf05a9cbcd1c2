/**
 * What this isolate remembers of its callers for a minute. Isolates come and go and know nothing of each other: this saves
 * work, and is never the only thing between a caller and what it wants.
 */

/** How long anything is remembered: the period of every limit in wrangler.jsonc. */
export const REMEMBERED_MS = 60_000;

export class Memory<T> {
  readonly #most: number;
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  /** @param most how many entries are remembered; one more displaces the oldest */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  recall(key: string, now = Date.now()): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > now) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  remember(key: string, value: T, now = Date.now()): void {
    // A map keeps its order: with the same period for all, the first is the next to end. What has ended goes that way too.
    this.#entries.delete(key);
    const [first] = this.#entries.keys();
    if (first !== undefined && this.#entries.size >= this.#most) this.#entries.delete(first);
    this.#entries.set(key, { value, until: now + REMEMBERED_MS });
  }
}
