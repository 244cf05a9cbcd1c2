/** `POST /api/agents/:id/separate`: gives the second host of a clone its own identity. */
import { createRoute, z } from "@hono/zod-openapi";
import { askThroughHub } from "../../hubs.ts";
import { findAgent } from "../../registry/agents.ts";
import { orderSeparation } from "../../registry/clones.ts";
import { agentId, missing, unauthorized, unknownAgent } from "../agent-view.ts";
import { ApiError, requestError } from "../errors.ts";
import { anyErrorResponse, errorResponse, json, newRouter } from "../router.ts";

const Separation = z
  .object({
    agentId: z.string().nullable().openapi({ description: "The new agent; null until its host is back" }),
  })
  .openapi("Separation");

export const separation = newRouter().openapi(
  createRoute({
    method: "post",
    path: "/api/agents/{id}/separate",
    summary: "Give the second host of a clone its own identity",
    request: { params: agentId },
    responses: {
      200: json("Separated", Separation),
      202: json("Ordered; done as soon as the second host connects, within minutes", Separation),
      401: unauthorized,
      404: unknownAgent,
      409: errorResponse("no_clone"),
      502: anyErrorResponse("disconnected, or any code of the agent's", z.string(), "disconnected"),
      504: errorResponse("timeout"),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const bootId = await orderSeparation(c.env.DB, c.get("operator"), id);
    if (bootId === null) {
      if ((await findAgent(c.env.DB, id)) === null) throw missing();
      throw new ApiError(409, "no_clone", "no two hosts have been seen with this identity");
    }
    const outcome = await askThroughHub(
      c.env,
      id,
      async (hub) => hub.separate(id, bootId),
      (separated) => separated.ok && separated.value === null,
    );
    if (!outcome.ok) throw requestError(outcome.error);
    return outcome.value === null ? c.json({ agentId: null }, 202) : c.json({ agentId: outcome.value }, 200);
  },
);
