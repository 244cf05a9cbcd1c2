/** Tells when many agents come or go together, by the number of their transitions. */

/** So many transitions within the given time are a crowd. */
const CROWD = 20;

export class Crowd {
  readonly #withinMs: number;
  #counted = 0;
  /** When the counting began; Unix milliseconds. It begins again after `withinMs`. */
  #countedFrom = 0;
  #isThere = false;

  /** @param withinMs the time within which the transitions of a crowd come, in milliseconds */
  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  /** Whether there was a crowd when the transitions were last counted. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /** Call this at each transition. */
  count(now: number): void {
    const elapsed = now - this.#countedFrom;
    if (elapsed < 0 || elapsed >= this.#withinMs) {
      // A count that began earlier is of a crowd that is over.
      const isRecent = elapsed >= 0 && elapsed < 2 * this.#withinMs;
      this.#isThere = isRecent && this.#counted >= CROWD;
      this.#countedFrom = now;
      this.#counted = 0;
    }
    this.#counted++;
  }
}
