/** Lists in pages: every page except the last has a `Link` header with rel="next". */

/** The value of the `Link` header of the page at `url`. The next page begins at `cursor`. */
export function nextPage(url: string, cursor: string): string {
  const next = new URL(url);
  next.searchParams.set("cursor", cursor);
  return `<${next.pathname}${next.search}>; rel="next"`;
}

/** The `Link` header in a route's description. */
export const pageHeaders = {
  Link: { description: 'The next page, rel="next"; absent on the last one', schema: { type: "string" } },
} as const;
