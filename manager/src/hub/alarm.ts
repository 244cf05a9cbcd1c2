/** The only alarm of a hub. Several parts of the hub ask for it. It rings at the earliest requested time. */

/** The part of a Durable Object's storage that keeps its alarm. Times are Unix milliseconds. */
export interface AlarmStorage {
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
}

export class Alarm {
  readonly #storage: AlarmStorage;
  readonly #waitUntil: (work: Promise<unknown>) => void;
  #at: number | null = null;

  /** @param waitUntil keeps the object alive until the alarm is stored */
  constructor(storage: AlarmStorage, waitUntil: (work: Promise<unknown>) => void) {
    this.#storage = storage;
    this.#waitUntil = waitUntil;
  }

  /**
   * Reads the alarm that was set before this object was loaded.
   * @returns when it rings; null if none is set, and also if the object is loaded because it rings
   */
  async load(): Promise<number | null> {
    this.#at = await this.#storage.getAlarm();
    return this.#at;
  }

  get isSet(): boolean {
    return this.#at !== null;
  }

  /** Call this when the alarm has rung. Then no alarm is set any more. */
  rang(): void {
    this.#at = null;
  }

  /** Sets the alarm to `at` unless it is set to an earlier time. */
  ringBy(at: number): void {
    if (this.#at !== null && this.#at <= at) return;
    this.#at = at;
    this.#waitUntil(this.#storage.setAlarm(at));
  }
}
