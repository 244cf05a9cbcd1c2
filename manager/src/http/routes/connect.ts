/** `GET /ws`: an agent's WebSocket. Verified here, before any hub is touched. */
import { Hono } from "hono";
import { randomId } from "../../digest.ts";
import { ADMISSION_HEADER } from "../../hub/hub.ts";
import { callHub } from "../../hubs.ts";
import type { Admission } from "../../registry/admission.ts";
import { encodeAdmission } from "../../registry/admission-header.ts";
import { admitCaller } from "../caller/agent.ts";
import { countConnection } from "../caller/limits.ts";
import { ApiError } from "../errors.ts";
import type { App } from "../router.ts";

export const connect = new Hono<App>().get("/ws", async (c) => {
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
    throw new ApiError(426, "upgrade_required", "this address speaks WebSocket; a proxy may have removed the Upgrade");
  }
  const caller = await admitCaller(c);
  await countConnection(c, caller);
  return callHub(c.env, caller.agentId, async (hub) => {
    // Each attempt opens a connection of its own: the first may have got there, and its end must not be the second's.
    const admission: Admission = { ...caller, connectionId: randomId() };
    // A request of our own: no header of the client's reaches the hub.
    return hub.fetch(c.req.url, { headers: { Upgrade: "websocket", [ADMISSION_HEADER]: encodeAdmission(admission) } });
  });
});
