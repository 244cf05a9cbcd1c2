/** How listings come in pages: a `Link` header with rel="next" until the last one. */

/** The value of the `Link` header on the page of `url` whose successor begins at `cursor`. */
export function nextPage(url: string, cursor: string): string {
  const next = new URL(url);
  next.searchParams.set("cursor", cursor);
  return `<${next.pathname}${next.search}>; rel="next"`;
}

/** That header in a route's description. */
export const pageHeaders = {
  Link: { description: 'The next page, rel="next"; absent on the last one', schema: { type: "string" } },
} as const;
