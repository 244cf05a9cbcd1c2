/**
 * Gives a lost focus to the heading of the screen. From the body, the keyboard would begin again at the top of the page.
 */
export function rescueFocus(): void {
  const { activeElement } = document;
  if (activeElement !== null && activeElement !== document.body) return;
  document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
}
