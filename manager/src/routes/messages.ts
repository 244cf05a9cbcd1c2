/** `POST /api/agents/:id/request`: an operator's request to an agent. */
import { createRoute, z } from "@hono/zod-openapi";
import { callHub } from "../hub/shards.ts";
import { findAgent } from "../registry/agents.ts";
import { ApiError, outcomeError } from "./errors.ts";
import { body, errorResponse, json, newRouter } from "./router.ts";

const MessageRequest = z
  .strictObject({
    subject: z.string(),
    data: z.json().optional(),
    timeoutMs: z.int().min(1).max(60_000).default(5_000),
  })
  .openapi("MessageRequest");

export const messages = newRouter().openapi(
  createRoute({
    method: "post",
    path: "/api/agents/{id}/request",
    summary: "Send a request to an agent and wait for its reply",
    request: { params: z.object({ id: z.string() }), body: body(MessageRequest) },
    responses: {
      200: json("The agent's reply", z.object({ data: z.json().optional() })),
      400: errorResponse("invalid_subject", "invalid_request", "invalid_json"),
      401: errorResponse("unauthorized"),
      403: errorResponse("forbidden"),
      404: errorResponse("unknown_agent"),
      413: errorResponse("payload_too_large"),
      502: errorResponse("disconnected", "or the code of the agent's handler"),
      503: errorResponse("no_responders"),
      504: errorResponse("timeout"),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const { subject, data, timeoutMs } = c.req.valid("json");
    const dataJson = data === undefined ? undefined : JSON.stringify(data);
    const outcome = await callHub(c.env, id, async (hub) => hub.request(id, subject, dataJson, timeoutMs));
    if (outcome.ok) return c.json(outcome.value === undefined ? {} : { data: JSON.parse(outcome.value) }, 200);
    if (outcome.error.code === "no_responders" && (await findAgent(c.env.DB, id)) === null) {
      throw new ApiError(404, "unknown_agent", "there is no such agent");
    }
    throw outcomeError(outcome.error);
  },
);
