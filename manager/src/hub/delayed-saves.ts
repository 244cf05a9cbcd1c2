/** Saves the state of connections after a change, and no more than four times a second, so that many changes cost one save. */

/** The time from one save to the next. Cloudflare bills for the time of a timer, so it is short. A save takes about 2 µs. */
const SAVE_EVERY_MS = 250;

/** A lone change is saved at once. The runtime does not hibernate a hub with a timer, so no change is lost when a hub hibernates. */
export class DelayedSaves<Connection extends { save(): void }> {
  readonly #unsaved = new Set<Connection>();
  /** When the last save was; Unix milliseconds. */
  #savedAt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Call this when the connection's state has changed. */
  add(connection: Connection): void {
    this.#unsaved.add(connection);
    const waitMs = Math.max(0, Math.min(SAVE_EVERY_MS, this.#savedAt + SAVE_EVERY_MS - Date.now()));
    this.#timer ??= setTimeout(() => this.#save(), waitMs);
  }

  /** Call this when the connection has ended: its state must not be saved any more. */
  delete(connection: Connection): void {
    this.#unsaved.delete(connection);
  }

  #save(): void {
    this.#timer = null;
    this.#savedAt = Date.now();
    const connections = [...this.#unsaved];
    this.#unsaved.clear();
    for (const connection of connections) connection.save();
  }
}
