/** Which of many items is due when, in steps of time. Each item is due once at a time. */
export class Calendar {
  readonly #first = new Map<number, number>();
  readonly #next: Int32Array;
  readonly #stepMs: number;
  #step = 0;
  #last = -1;

  constructor(items: number, stepMs: number) {
    this.#next = new Int32Array(items);
    this.#stepMs = stepMs;
  }

  /** Makes an item due at that time, or in the next step if that is in the past. */
  add(item: number, at: number): void {
    const step = Math.max(this.#step + 1, Math.floor(at / this.#stepMs));
    this.#next[item] = this.#first.get(step) ?? -1;
    this.#first.set(step, item);
    this.#last = Math.max(this.#last, step);
  }

  /** Whether nothing is due any more. */
  get isEmpty(): boolean {
    return this.#step > this.#last;
  }

  /** The time of the present step. */
  get now(): number {
    return this.#step * this.#stepMs;
  }

  /** Goes to the next step, and calls `run` with each item that is due in it, and with the time. */
  advance(run: (item: number, now: number) => void): void {
    this.#step++;
    let item = this.#first.get(this.#step) ?? -1;
    this.#first.delete(this.#step);
    while (item >= 0) {
      const next = this.#next[item] ?? -1;
      run(item, this.now);
      item = next;
    }
  }
}
