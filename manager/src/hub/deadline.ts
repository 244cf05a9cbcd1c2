/**
 * One timer in memory, which fires at the earliest requested time. Use it for waits of a few seconds: it writes no row,
 * as an alarm does, but the runtime does not hibernate a hub with a timer.
 */
export class Deadline {
  readonly #run: () => void;
  #at = Number.POSITIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Fires at `at` unless an earlier time is set; Unix milliseconds. */
  by(at: number): void {
    if (at >= this.#at) return;
    this.cancel();
    this.#at = at;
    this.#timer = setTimeout(
      () => {
        this.#at = Number.POSITIVE_INFINITY;
        this.#run();
      },
      Math.max(0, at - Date.now()),
    );
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#at = Number.POSITIVE_INFINITY;
  }
}
