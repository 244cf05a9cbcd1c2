/** `GET /ws`: opens an agent's WebSocket. The agent is verified here, before any hub is called. */
import { Hono } from "hono";
import { randomId } from "../../digest.ts";
import { ADMISSION_HEADER } from "../../hub/hub.ts";
import { callHub } from "../../hubs.ts";
import type { Admission } from "../../registry/admission.ts";
import { encodeAdmission } from "../../registry/admission-header.ts";
import { admitCaller } from "../caller/agent.ts";
import { countConnection } from "../caller/limits.ts";
import type { App } from "../router.ts";
import { requireUpgrade } from "../upgrade.ts";

export const connect = new Hono<App>().get("/ws", async (c) => {
  requireUpgrade(c);
  const caller = await admitCaller(c);
  await countConnection(c, caller);
  return callHub(c.env, caller.agentId, async (hub) => {
    // Each attempt opens a new connection. The first attempt may have reached the hub; when its socket ends, the second
    // attempt's connection must stay.
    const admission: Admission = { ...caller, connectionId: randomId() };
    // This is a new request, so no header of the client reaches the hub.
    return hub.fetch(c.req.url, { headers: { Upgrade: "websocket", [ADMISSION_HEADER]: encodeAdmission(admission) } });
  });
});
