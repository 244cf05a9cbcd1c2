/** Saves the state of connections a short time after a change, so that several changes cost one save. */

/**
 * The time from a change to its save. The runtime does not hibernate a hub with a timer, so no change is lost when a
 * hub hibernates.
 */
const SAVE_AFTER_MS = 2_000;

export class DelayedSaves<Connection extends { save(): void }> {
  readonly #unsaved = new Set<Connection>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Call this when the connection's state has changed. */
  add(connection: Connection): void {
    this.#unsaved.add(connection);
    this.#timer ??= setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  /** Call this when the connection has ended: its state must not be saved any more. */
  delete(connection: Connection): void {
    this.#unsaved.delete(connection);
  }

  #save(): void {
    this.#timer = null;
    const connections = [...this.#unsaved];
    this.#unsaved.clear();
    for (const connection of connections) connection.save();
  }
}
