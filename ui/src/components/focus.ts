/**
 * Gives a lost focus to the drawer, or to the heading of the screen if none is open. From the body, the keyboard would
 * begin again at the top of the page.
 */
export function rescueFocus(): void {
  const { activeElement } = document;
  if (activeElement !== null && activeElement !== document.body) return;
  const home = document.querySelector<HTMLElement>("main .drawer") ?? document.querySelector<HTMLElement>("main h1");
  home?.focus({ preventScroll: true });
}
