/** `GET /install.sh`: the agent's installer, which knows this manager's URL. */
import { Hono } from "hono";
import { publicUrl } from "../caller/address.ts";
import script from "../install.sh";
import type { App } from "../router.ts";

/**
 * Hosts of which every character means itself in a shell: names, addresses, and IPv6 addresses in brackets, each with or
 * without a port. URLs may have others, such as quotes.
 */
const plainHost = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?$/;

export const install = new Hono<App>().get("/install.sh", (c) => {
  c.header("Cache-Control", "no-cache");
  c.header("X-Content-Type-Options", "nosniff");
  c.header("Strict-Transport-Security", "max-age=31536000");
  const { origin, host } = publicUrl(c);
  if (!plainHost.test(host)) return c.text("this host name cannot be written into a shell script\n", 400);
  c.header("Content-Type", "text/x-shellscript; charset=utf-8");
  return c.body(script.replaceAll("@MANAGER@", origin));
});
