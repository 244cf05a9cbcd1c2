/** Several values for each key. A key without values takes no memory. */
export class MultiMap<Value> {
  readonly #sets = new Map<string, Set<Value>>();
  #size = 0;

  add(key: string, value: Value): void {
    const values = this.#sets.get(key) ?? new Set();
    if (values.has(value)) return;
    this.#sets.set(key, values.add(value));
    this.#size++;
  }

  delete(key: string, value: Value): void {
    const values = this.#sets.get(key);
    if (!values?.delete(value)) return;
    this.#size--;
    if (values.size === 0) this.#sets.delete(key);
  }

  /** The values of a key, as a copy: a loop over it may add and delete values. */
  of(key: string): Value[] {
    return [...(this.#sets.get(key) ?? [])];
  }

  /** How many values a key has. */
  count(key: string): number {
    return this.#sets.get(key)?.size ?? 0;
  }

  /** How many values there are in all. */
  get size(): number {
    return this.#size;
  }

  /** All values, as a copy. */
  all(): Value[] {
    return [...this.#sets.values()].flatMap((values) => [...values]);
  }

  /** Every key with its values, without a copy: a loop over it must not add or delete values. */
  entries(): IterableIterator<[string, ReadonlySet<Value>]> {
    return this.#sets.entries();
  }
}
