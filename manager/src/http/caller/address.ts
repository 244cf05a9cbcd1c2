/** The client's address, and the URL that the client used. */
import type { Context } from "hono";
import { addressSource } from "../../config.ts";
import type { App } from "../router.ts";

/** The client's address; null if no trusted source gives it. */
export function clientAddress(c: Context<App>): string | null {
  const { header, address } = addressSource(c.env);
  return header ? (c.req.header("CF-Connecting-IP") ?? null) : address;
}

/**
 * The URL that the client used. A proxy that ends https sends `X-Forwarded-Proto: https`. Only the value https is used.
 * A false value does no harm: if a client sends it over http, its browser refuses the cookie. A page of another site
 * cannot set the header.
 */
export function publicUrl(c: Context<App>): URL {
  const url = new URL(c.req.url);
  // With several proxies, the first value comes from the proxy that the client spoke with.
  const [scheme] = c.req.header("X-Forwarded-Proto")?.split(",") ?? [];
  if (scheme?.trim().toLowerCase() === "https") url.protocol = "https:";
  return url;
}
