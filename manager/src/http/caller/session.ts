/**
 * The dashboard's session. An HttpOnly cookie holds a random id, and the registry holds its hash. A new password ends
 * all sessions.
 */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { sha256Hex } from "../../digest.ts";
import { deleteSession, insertSession, useSession } from "../../registry/sessions.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";
import { clientAddress, publicUrl } from "./address.ts";

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
  await insertSession(c.env.DB, { via: "password", address: clientAddress(c) }, await sessionHash(c, id), Date.now());
  const { name, options } = cookie(c);
  setCookie(c, name, id, options);
}

export async function hasSession(c: Context<App>): Promise<boolean> {
  const id = getCookie(c, cookie(c).name);
  return id !== undefined && (await useSession(c.env.DB, await sessionHash(c, id), Date.now()));
}

export async function endSession(c: Context<App>): Promise<void> {
  const { name, options } = cookie(c);
  const id = getCookie(c, name);
  if (id !== undefined)
    await deleteSession(c.env.DB, { via: "session", address: clientAddress(c) }, await sessionHash(c, id));
  deleteCookie(c, name, options);
}

function sessionHash(c: Context<App>, id: string): Promise<string> {
  return sha256Hex(`${id}\n${c.env.ADMIN_PASSWORD}`);
}
