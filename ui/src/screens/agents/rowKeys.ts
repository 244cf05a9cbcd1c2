/** Rows of a page that stay in sight, so that the eye finds its place. */
const overlap = 2;

/**
 * The row that a key leads to from the row at `at`, of so many rows of this height in px; undefined if it leads to none.
 * Arrows go to the next row, Page Up and Page Down a window further, Home and End to the first and the last row.
 */
export function rowAfterKey(event: KeyboardEvent, at: number, rows: number, height: number): number | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return undefined;
  const page = Math.max(1, Math.floor(innerHeight / height) - overlap);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows }[
    event.key
  ];
  return to === undefined ? undefined : Math.min(Math.max(to, 0), rows - 1);
}
