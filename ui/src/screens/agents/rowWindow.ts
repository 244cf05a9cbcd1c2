import { createComputed, createSignal, on, onCleanup, onMount } from "solid-js";

/** So many rows outside the window are there too, so that the next one is there when the keyboard goes to it. */
const overscan = 5;

/**
 * Which rows of a long table are near the window: from the first up to, and without, the end. All rows have the same
 * height in px. The page scrolls, not the table.
 */
export function useRowWindow(body: () => HTMLElement | undefined, count: () => number, rowHeight: () => number) {
  const [first, setFirst] = createSignal(0);
  const [end, setEnd] = createSignal(Math.ceil(innerHeight / rowHeight()) + overscan);

  const measure = () => {
    const above = -(body()?.getBoundingClientRect().top ?? 0);
    setFirst(Math.max(0, Math.floor(above / rowHeight()) - overscan));
    setEnd(Math.ceil((above + innerHeight) / rowHeight()) + overscan);
  };

  onMount(() => {
    measure();
    window.addEventListener("scroll", measure, { passive: true });
    window.addEventListener("resize", measure);
  });
  onCleanup(() => {
    window.removeEventListener("scroll", measure);
    window.removeEventListener("resize", measure);
  });
  // A page that gets shorter may have scrolled by itself.
  createComputed(on([count, rowHeight], () => queueMicrotask(measure), { defer: true }));

  return { first, end };
}
