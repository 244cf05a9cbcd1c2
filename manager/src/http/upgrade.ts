import type { Context } from "hono";
import { ApiError } from "./errors.ts";
import type { App } from "./router.ts";

/** @throws ApiError 426 if the request does not open a WebSocket */
export function requireUpgrade(c: Context<App>): void {
  if (c.req.header("Upgrade")?.toLowerCase() === "websocket") return;
  const message = `${c.req.path} needs a WebSocket; a proxy may have removed the Upgrade header`;
  throw new ApiError(426, "upgrade_required", message);
}
