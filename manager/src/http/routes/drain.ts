/**
 * `POST /api/admin/drain`: closes the sockets of one hub, or of all hubs, and tells each agent when to come back.
 * PROTOCOL.md "agent.reconnect" says what the agent does.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { settings } from "../../config.ts";
import { callEveryHubOnce, callShardOnce } from "../../hubs.ts";
import { insertAuditEvent } from "../../registry/audit.ts";
import { ApiError } from "../errors.ts";
import { body, errorResponse, json, newRouter } from "../router.ts";

const DrainOrder = z
  .strictObject({
    delayMs: z.int().min(0).max(600_000).default(0).openapi({ description: "The delay of the first agent" }),
    shard: z.int().min(0).optional().openapi({ description: "Number of the hub; without it, all hubs are drained" }),
  })
  .openapi("DrainOrder", { example: { delayMs: 30_000, shard: 0 } });

const Drained = z
  .object({ drained: z.int().openapi({ description: "Agents that were connected" }) })
  .openapi("Drained");

export const drain = newRouter().openapi(
  createRoute({
    method: "post",
    path: "/api/admin/drain",
    summary: "Close the agents' sockets; each agent gets a different delay, so they come back evenly",
    request: { body: body(DrainOrder) },
    responses: {
      200: json("The sockets are closed", Drained),
      400: errorResponse("invalid_request", "invalid_json"),
      401: errorResponse("unauthorized"),
      404: errorResponse("unknown_shard"),
    },
  }),
  async (c) => {
    const { delayMs, shard } = c.req.valid("json");
    const { hubShards } = settings(c.env);
    if (shard !== undefined && shard >= hubShards) {
      throw new ApiError(404, "unknown_shard", `there is no shard ${shard}: HUB_SHARDS is ${hubShards}`);
    }
    await insertAuditEvent(c.env.DB, c.get("operator"), {
      action: "hub.drain",
      ...(shard === undefined ? {} : { target: `hub-${shard}` }),
      detail: { delayMs },
    });
    const drained =
      shard === undefined
        ? await callEveryHubOnce(c.env, async (hub) => hub.drain(delayMs, hubShards))
        : [await callShardOnce(c.env, shard, async (hub) => hub.drain(delayMs))];
    return c.json({ drained: drained.reduce((sum, agents) => sum + agents, 0) }, 200);
  },
);
