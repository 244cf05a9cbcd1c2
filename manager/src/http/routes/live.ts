/** `GET /api/live`: opens a viewer's WebSocket to one hub. The operator is verified here, before any hub is called. */
import { createRoute, z } from "@hono/zod-openapi";
import { settings } from "../../config.ts";
import { randomId } from "../../digest.ts";
import { VIEWER_HEADER } from "../../hub/hub.ts";
import { callShard } from "../../hubs.ts";
import { encodeViewer, passwordHash } from "../../registry/viewer-header.ts";
import { admitViewer, refuseForeignPage } from "../caller/operator.ts";
import { ApiError } from "../errors.ts";
import { errorResponse, newRouter } from "../router.ts";
import { requireUpgrade } from "../upgrade.ts";

export const live = newRouter();

// This only describes the route. A validator would refuse a wrong shard before the operator is verified.
live.openAPIRegistry.registerPath(
  createRoute({
    method: "get",
    path: "/api/live",
    summary: "The live feed of one hub, as a WebSocket",
    request: { query: z.object({ shard: z.int().min(0).openapi({ description: "Number of the hub", example: 0 }) }) },
    responses: {
      101: { description: "The socket is open; docs/API.md says what it carries" },
      400: errorResponse("invalid_request"),
      401: errorResponse("unauthorized"),
      403: errorResponse("foreign_origin"),
      426: errorResponse("upgrade_required"),
      429: errorResponse("too_many_requests"),
      503: errorResponse("hub_unavailable", "registry_unavailable"),
    },
  }),
);

live.get("/api/live", async (c) => {
  requireUpgrade(c);
  refuseForeignPage(c);
  const session = await admitViewer(c);
  const shard = readShard(c.req.query("shard") ?? "", settings(c.env).hubShards);
  const admitted = { shard, session, passwordHash: await passwordHash(c.env) };
  return callShard(c.env, shard, async (hub) => {
    // Each attempt opens a new connection, as in connect.ts.
    const viewer = { ...admitted, connectionId: randomId() };
    // This is a new request, so no header of the client reaches the hub.
    return hub.fetch(c.req.url, { headers: { Upgrade: "websocket", [VIEWER_HEADER]: encodeViewer(viewer) } });
  });
});

/** @throws ApiError 400 if the text is not the number of a hub */
function readShard(text: string, hubShards: number): number {
  if (/^\d+$/.test(text) && Number(text) < hubShards) return Number(text);
  throw new ApiError(400, "invalid_request", `shard: must be a whole number from 0 to ${hubShards - 1}`);
}
