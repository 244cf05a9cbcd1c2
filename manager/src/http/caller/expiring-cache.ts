/**
 * A cache that keeps its entries for a minute. Each isolate has its own cache and loses it when it ends. So the cache
 * only saves work. No decision about access depends on it alone.
 */

/** How long an entry is kept, in milliseconds. It equals the period of every rate limit in wrangler.jsonc. */
export const KEPT_MS = 60_000;

export class ExpiringCache<T> {
  readonly #most: number;
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  /** @param most the largest number of entries; if there are more, the oldest is dropped */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now = Date.now()): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > now) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: T, now = Date.now()): void {
    // A map keeps the order of insertion, and all entries live equally long. So the first entry is the oldest.
    this.#entries.delete(key);
    const [first] = this.#entries.keys();
    if (first !== undefined && this.#entries.size >= this.#most) this.#entries.delete(first);
    this.#entries.set(key, { value, until: now + KEPT_MS });
  }
}
