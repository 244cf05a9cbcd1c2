let used = true;

const note = () => {
  used = true;
};

for (const event of ["pointerdown", "keydown", "wheel"]) {
  document.addEventListener(event, note, { capture: true, passive: true });
}

/**
 * Whether no person has used the page since the last call. Requests that the page then makes must not keep the session
 * alive. Opening the page counts as use.
 */
export function takeUnattended(): boolean {
  const unattended = !used;
  used = false;
  return unattended;
}
