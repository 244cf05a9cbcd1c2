/** Several values for each key. A key without values takes no memory. */
export class MultiMap<Value> {
  readonly #sets = new Map<string, Set<Value>>();

  add(key: string, value: Value): void {
    const values = this.#sets.get(key);
    if (values === undefined) this.#sets.set(key, new Set([value]));
    else values.add(value);
  }

  delete(key: string, value: Value): void {
    const values = this.#sets.get(key);
    values?.delete(value);
    if (values?.size === 0) this.#sets.delete(key);
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
    let size = 0;
    for (const values of this.#sets.values()) size += values.size;
    return size;
  }

  /** All values, as a copy. */
  all(): Value[] {
    return [...this.#sets.values()].flatMap((values) => [...values]);
  }

  /** Every key with its values, without a copy: a loop over it must not add or delete values. */
  entries(): IterableIterator<[string, ReadonlySet<Value>]> {
    return this.#sets.entries();
  }

  /** The keys, as a copy. */
  keys(): string[] {
    return [...this.#sets.keys()];
  }

  clear(): void {
    this.#sets.clear();
  }
}
