/** Saves the state of connections some time after it has changed: once for all changes of that time. */

/**
 * How long after a change it is saved. The runtime does not hibernate a hub with a timer, so a hub that wakes knows every
 * change.
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
