/** A choice of the viewer that this browser keeps; null if there is none, or if the browser keeps nothing. */
export function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a choice; null forgets it. The other tabs learn of it, and so does this one. */
export function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // The choice then holds for nothing, and the settings show it as not made.
  }
  // A browser tells the other tabs alone.
  window.dispatchEvent(new StorageEvent("storage", { key, newValue: value }));
}
