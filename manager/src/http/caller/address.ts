/** Where a request comes from. */
import type { Context } from "hono";
import type { App } from "../router.ts";

/** The client's address as Cloudflare saw it; null where nothing in front of the manager says. */
export function clientAddress(c: Context<App>): string | null {
  return c.req.header("CF-Connecting-IP") ?? null;
}
