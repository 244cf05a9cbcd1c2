/**
 * Every path that is neither the Worker's nor a file: a page of the dashboard, or a file that does not exist. Files that
 * exist are served without the Worker; see `assets` in wrangler.jsonc.
 */
import { type Context, Hono } from "hono";
import type { App } from "../router.ts";

/** Paths that other routes answer, also if there is none: in JSON. */
const routed = /^\/(api(\/|$)|ws$|healthz$)/;

/** Below these there are files only. */
const folders = /^\/(assets|download)(\/|$)/;

/** Whether the path's last part has an ending, as a file's name has. No page of the dashboard has one. */
const fileName = /\.[^/]*$/;

// For all methods, as middleware: a path of the API that only this matches has no route, and is a 404 for everybody.
export const files = new Hono<App>().use("/*", async (c, next) => {
  const { path, method } = c.req;
  if (routed.test(path) || (method !== "GET" && method !== "HEAD")) return await next();
  if (path === "/download/agents.json") {
    // "make agents" has built none. The dashboard asks, and a browser shows every 404 as a fault of the page.
    c.header("Cache-Control", "no-store");
    return c.json({ version: null, binaries: [] });
  }
  if (folders.test(path) || fileName.test(path)) return noFile(c);
  // The dashboard has one page for all its paths. The request's other headers decide whether it was changed.
  return await c.env.ASSETS.fetch(new Request(new URL("/", c.req.url), c.req.raw));
});

/**
 * A browser must not get a page in place of a script, nor a host a page in place of a program. Nobody may keep this answer:
 * a file of the next release may be on its way.
 */
function noFile(c: Context<App>): Response {
  c.header("Cache-Control", "no-store");
  c.header("X-Content-Type-Options", "nosniff");
  return c.text(`there is no ${c.req.path}\n`, 404);
}
