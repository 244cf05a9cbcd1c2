/**
 * The dashboard's session. An HttpOnly cookie holds a random id, and the registry holds its hash. A new password ends
 * all sessions.
 */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { sha256Hex } from "../../digest.ts";
import { deleteSession, insertSession, sessionEnd, useSession } from "../../registry/sessions.ts";
import type { Viewer } from "../../registry/viewer-header.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress, publicUrl } from "./address.ts";

/** A client sends this header with `true` if no person asked for the request: docs/API.md "The end of a socket". */
const UNATTENDED_HEADER = "Zedops-Unattended";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * The cookie's name and attributes. On https the name begins with `__Host-`. Plain http works only in a browser on the
 * same machine. There the name contains the port: several managers may run side by side, and cookies do not distinguish
 * ports.
 */
function cookie(c: Context<App>) {
  const { protocol, port } = publicUrl(c);
  const common = { httpOnly: true, sameSite: "Strict", path: "/" } as const;
  return protocol === "https:"
    ? ({ name: "__Host-zedops", options: { ...common, secure: true } } as const)
    : ({ name: `zedops-${port}`, options: common } as const);
}

export async function beginSession(c: Context<App>): Promise<void> {
  const { protocol, hostname } = publicUrl(c);
  if (protocol !== "https:" && !LOOPBACK.has(hostname)) {
    const remedy = "a proxy that ends https must send X-Forwarded-Proto: https";
    throw new ApiError(403, "insecure_transport", `log in over https; plain http is for localhost only (${remedy})`);
  }
  const id = Array.from(crypto.getRandomValues(new Uint8Array(32)), (b) => b.toString(16).padStart(2, "0")).join("");
  await insertSession(c.env.DB, { via: "password", address: clientAddress(c) }, await hashOf(c, id), Date.now());
  const { name, options } = cookie(c);
  setCookie(c, name, id, options);
}

/** Whether the request has a valid session. The session is prolonged, except by a request that no person asked for. */
export async function hasSession(c: Context<App>): Promise<boolean> {
  if (c.req.header(UNATTENDED_HEADER) === "true") return (await viewerSession(c)) !== null;
  const idHash = await sessionHash(c);
  return idHash !== null && useSession(c.env.DB, idHash, Date.now());
}

/** The valid session of the request and its end; null if there is none. The session is not prolonged. */
export async function viewerSession(c: Context<App>): Promise<Viewer["session"]> {
  const idHash = await sessionHash(c);
  if (idHash === null) return null;
  const endsAt = await sessionEnd(c.env.DB, idHash, Date.now());
  return endsAt === null ? null : { idHash, endsAt };
}

/** Ends the session of the request. Returns its hash; null if the request has no cookie. */
export async function endSession(c: Context<App>): Promise<string | null> {
  const idHash = await sessionHash(c);
  if (idHash !== null) await deleteSession(c.env.DB, { via: "session", address: clientAddress(c) }, idHash);
  const { name, options } = cookie(c);
  deleteCookie(c, name, options);
  return idHash;
}

/** The hash of the session in the cookie; null if there is no cookie. */
async function sessionHash(c: Context<App>): Promise<string | null> {
  const id = getCookie(c, cookie(c).name);
  return id === undefined ? null : hashOf(c, id);
}

function hashOf(c: Context<App>, id: string): Promise<string> {
  return sha256Hex(`${id}\n${c.env.ADMIN_PASSWORD}`);
}
