/**
 * `POST /api/agents/:id/rotate`: gives an agent a new token, in two phases. PROTOCOL.md "agent.rotate" says what the
 * agent does.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { sha256Hex } from "../../digest.ts";
import { askThroughHub } from "../../hubs.ts";
import { offerToken, withdrawOffer } from "../../registry/rotation.ts";
import { mintAgentToken } from "../../tokens.ts";
import { agentId, missing, unauthorized, unknownAgent } from "../agent-view.ts";
import { requestError } from "../errors.ts";
import { anyErrorResponse, errorResponse, newRouter } from "../router.ts";

export const rotation = newRouter().openapi(
  createRoute({
    method: "post",
    path: "/api/agents/{id}/rotate",
    summary: "Give an agent a new token; the old token becomes void when the agent is back with the new one",
    request: { params: agentId },
    responses: {
      204: { description: "The agent has stored the new token, and reconnects with it" },
      401: unauthorized,
      404: unknownAgent,
      502: anyErrorResponse("disconnected, or any code of the agent's", z.string(), "disconnected"),
      503: errorResponse("no_responders"),
      504: errorResponse("timeout"),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const token = await mintAgentToken(c.env, id);
    const hash = await sha256Hex(token);
    if (!(await offerToken(c.env.DB, c.get("operator"), id, hash))) throw missing();
    const outcome = await askThroughHub(c.env, id, async (hub) => hub.rotate(id, token));
    if (outcome.ok) return c.body(null, 204);
    // After any other failure the agent may or may not have the token, so the offer stays valid until the next offer.
    if (outcome.error.code === "no_responders") await withdrawOffer(c.env.DB, id, hash);
    throw requestError(outcome.error);
  },
);
