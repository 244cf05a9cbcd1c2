/**
 * Several values for each key. A key without values takes no memory. Most keys have one value, which is kept without a set:
 * that saves some 90 bytes for each agent.
 */
export class MultiMap<Value extends object> {
  readonly #values = new Map<string, Value | Set<Value>>();
  #size = 0;

  add(key: string, value: Value): void {
    const present = this.#values.get(key);
    if (present === undefined) this.#values.set(key, value);
    else if (present instanceof Set) {
      if (present.has(value)) return;
      present.add(value);
    } else {
      if (present === value) return;
      this.#values.set(key, new Set([present, value]));
    }
    this.#size++;
  }

  delete(key: string, value: Value): void {
    const present = this.#values.get(key);
    if (present instanceof Set ? !present.delete(value) : present !== value) return;
    this.#size--;
    if (!(present instanceof Set) || present.size === 0) this.#values.delete(key);
  }

  /** The values of a key, as a copy: a loop over it may add and delete values. */
  of(key: string): Value[] {
    return [...this.#of(key)];
  }

  /** How many values a key has. */
  count(key: string): number {
    const present = this.#values.get(key);
    return present instanceof Set ? present.size : Number(present !== undefined);
  }

  /** How many values there are in all. */
  get size(): number {
    return this.#size;
  }

  /** All values, as a copy. */
  all(): Value[] {
    return [...this.#values.keys()].flatMap((key) => [...this.#of(key)]);
  }

  /** Every key with its values, without a copy: a loop over it must not add or delete values. */
  *entries(): Iterable<[string, Iterable<Value>]> {
    for (const key of this.#values.keys()) yield [key, this.#of(key)];
  }

  #of(key: string): Iterable<Value> {
    const present = this.#values.get(key);
    if (present instanceof Set) return present;
    return present === undefined ? [] : [present];
  }
}
