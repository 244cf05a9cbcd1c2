/** Where a request comes from, and where its client believes that it went. */
import type { Context } from "hono";
import { addressSource } from "../../config.ts";
import type { App } from "../router.ts";

/** The client's address; null where nothing that can be trusted says it. */
export function clientAddress(c: Context<App>): string | null {
  const { header, address } = addressSource(c.env);
  return header ? (c.req.header("CF-Connecting-IP") ?? null) : address;
}

/**
 * The address that the client asked for. A proxy that ends https says so in `X-Forwarded-Proto`. Only https is believed: a
 * client that claims it in vain gets a cookie that its browser does not take over http, and a page of another site cannot
 * set the header.
 */
export function publicUrl(c: Context<App>): URL {
  const url = new URL(c.req.url);
  // Of several proxies the first one has spoken with the client.
  const [scheme] = c.req.header("X-Forwarded-Proto")?.split(",") ?? [];
  if (scheme?.trim().toLowerCase() === "https") url.protocol = "https:";
  return url;
}
