import { createComputed, createSignal, on, onCleanup, onMount } from "solid-js";

/** So many rows outside the window are there too, so that the next one is there when the keyboard goes to it. */
const overscan = 5;

/** The height of a row in px, until there is a row to measure. */
const likelyHeight = 60;

/** From the first row up to, and without, the end. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
}

/**
 * Which rows of a long table are near the window. The style sheet gives all rows the same height, and the body the height
 * of all of them. The page scrolls, not the table.
 */
export function useRowWindow(body: () => HTMLElement | undefined, count: () => number): () => RowWindow {
  // One signal for both ends: with the new first row and the old end, a jump to the top would make all rows.
  const [near, setNear] = createSignal<RowWindow>(
    { first: 0, end: Math.ceil(innerHeight / likelyHeight) + overscan },
    { equals: (a, b) => a.first === b.first && a.end === b.end },
  );

  const measure = () => {
    const { top, height } = body()?.getBoundingClientRect() ?? { top: 0, height: 0 };
    const rowHeight = height / count() || likelyHeight;
    setNear({
      first: Math.max(0, Math.floor(-top / rowHeight) - overscan),
      end: Math.ceil((innerHeight - top) / rowHeight) + overscan,
    });
  };

  onMount(() => {
    measure();
    window.addEventListener("scroll", measure, { passive: true });
    window.addEventListener("resize", measure);
    // The rows get another height when the first agent has a label, or when the viewer changes the size of text.
    const sizes = new ResizeObserver(measure);
    const element = body();
    if (element !== undefined) sizes.observe(element);
    onCleanup(() => sizes.disconnect());
  });
  onCleanup(() => {
    window.removeEventListener("scroll", measure);
    window.removeEventListener("resize", measure);
  });
  // A page that gets shorter may have scrolled by itself.
  createComputed(on(count, () => queueMicrotask(measure), { defer: true }));

  return near;
}
