/** Recognizes operators: scripts use HTTP Basic, the dashboard uses the session cookie. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import { METHOD_NAME_ALL } from "hono/router";
import { sameSecret } from "../../digest.ts";
import type { Viewer } from "../../registry/viewer-header.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress, publicUrl } from "./address.ts";
import { countGuess, refuseGuesser } from "./limits.ts";
import { hasSession, viewerSession } from "./session.ts";

/**
 * Lets only operators pass. All others get 401. The answer has no Basic challenge, because browsers would cache the
 * password. A path without a route is answered with 404 for everybody.
 */
export const requireAdmin = createMiddleware<App>(async (c, next) => {
  const routed = matchedRoutes(c).some((route) => route.method !== METHOD_NAME_ALL);
  if (!routed) return next();
  const authorization = c.req.header("Authorization");
  const via = authorization === undefined ? "session" : "password";
  const admitted = authorization === undefined ? await hasSession(c) : await hasPassword(c, authorization);
  if (!admitted) throw unauthorized();
  c.set("operator", { via, address: clientAddress(c) });
  await next();
});

/**
 * Admits an operator who opens a live feed. Browsers open it again by themselves, so it does not prolong the session.
 * @returns the session; null if the request has the password
 * @throws ApiError 401, or 429 after too many wrong passwords
 */
export async function admitViewer(c: Context<App>): Promise<Viewer["session"]> {
  const authorization = c.req.header("Authorization");
  if (authorization !== undefined) {
    if (await hasPassword(c, authorization)) return null;
    throw unauthorized();
  }
  const session = await viewerSession(c);
  if (session === null) throw unauthorized();
  return session;
}

function unauthorized(): ApiError {
  return new ApiError(401, "unauthorized", "log in, or send HTTP Basic as admin");
}

/**
 * Refuses mutations from pages of other sites. The browser may send the cookie with them, but `Origin` names the page's
 * site.
 */
export const refuseForeignOrigin = createMiddleware<App>(async (c, next) => {
  const reads = c.req.method === "GET" || c.req.method === "HEAD";
  if (!reads) refuseForeignPage(c);
  await next();
});

/** @throws ApiError 403 if the request comes from a page of another site */
export function refuseForeignPage(c: Context<App>): void {
  const origin = c.req.header("Origin");
  if (origin === undefined || origin === publicUrl(c).origin) return;
  throw new ApiError(
    403,
    "foreign_origin",
    "the request comes from another site; a proxy in front must pass Host on, and X-Forwarded-Proto",
  );
}

async function hasPassword(c: Context<App>, authorization: string): Promise<boolean> {
  refuseGuesser(c);
  if (sameSecret(basicPassword(authorization) ?? "", c.env.ADMIN_PASSWORD)) return true;
  await countGuess(c);
  return false;
}

const UTF8 = new TextDecoder();

/** The text whose UTF-8 is this base64. @throws if it is no base64 */
function decodeBase64(base64: string): string {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  // Uint8Array.from() with a function takes a hundred times as long.
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return UTF8.decode(bytes);
}

/** The password in a Basic header for the user `admin`; null for any other header. */
function basicPassword(authorization: string): string | null {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  if (encoded === undefined) return null;
  let decoded: string;
  try {
    decoded = decodeBase64(encoded);
  } catch {
    return null;
  }
  return decoded.startsWith("admin:") ? decoded.slice("admin:".length) : null;
}
