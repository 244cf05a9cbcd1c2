let used = true;

/** Call this when a person uses the page. */
export function noteUse(): void {
  used = true;
}

for (const event of ["pointerdown", "keydown", "wheel"]) {
  document.addEventListener(event, noteUse, { capture: true, passive: true });
}

/**
 * Whether no person has used the page since the last call. If so, the next requests of the page must not keep the
 * session alive.
 */
export function takeUnattended(): boolean {
  const unattended = !used;
  used = false;
  return unattended;
}
