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
    if (present instanceof Set) {
      if (!present.delete(value)) return;
      const [one] = present;
      if (present.size === 1 && one !== undefined) this.#values.set(key, one);
    } else {
      if (present !== value) return;
      this.#values.delete(key);
    }
    this.#size--;
  }

  /** The values of a key, as a copy: a loop over it may add and delete values. */
  of(key: string): Value[] {
    return [...each(this.#values.get(key))];
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
    return [...this.#values.values()].flatMap((values) => [...each(values)]);
  }

  /** Every key with its values, without a copy: a loop over it must not add or delete values. */
  *entries(): Iterable<[string, Iterable<Value>]> {
    for (const [key, values] of this.#values) yield [key, each(values)];
  }
}

function each<Value extends object>(values: Value | Set<Value> | undefined): Iterable<Value> {
  if (values instanceof Set) return values;
  return values === undefined ? [] : [values];
}
