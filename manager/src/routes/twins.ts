/** `POST /api/agent/register` and `/api/agent/heartbeat`: the HTTP twins of the control subjects. */
import { createRoute } from "@hono/zod-openapi";
import { admitCaller } from "../auth/admission.ts";
import { count } from "../auth/limits.ts";
import { callHub } from "../hub/shards.ts";
import { Beat, BeatAck, Registered, Registration } from "../protocol/payloads.ts";
import { outcomeError } from "./errors.ts";
import { body, errorResponse, json, newRouter } from "./router.ts";

const refusals = {
  400: errorResponse("invalid_request", "invalid_json", "invalid_header", "unsupported_protocol"),
  401: errorResponse("missing_token", "invalid_token", "token_expired"),
  403: errorResponse("enrolment_used", "enrolment_revoked", "agent_revoked", "agent_removed", "browser_origin"),
  429: errorResponse("too_many_requests"),
  503: errorResponse("registry_unavailable", "hub_unavailable"),
};

export const twins = newRouter()
  .openapi(
    createRoute({
      method: "post",
      security: [{ agentToken: [] }],
      path: "/api/agent/register",
      summary: "Register as an agent, or enrol, without a WebSocket",
      request: { body: body(Registration) },
      responses: { 200: json("Registered", Registered), ...refusals },
    }),
    async (c) => {
      const admission = await admitCaller(c);
      await count(c.env.UPGRADE_LIMIT, admission.agentId);
      const outcome = await callHub(c.env, admission.agentId, async (hub) =>
        hub.register(admission, c.req.valid("json")),
      );
      if (!outcome.ok) throw outcomeError(outcome.error);
      return c.json(outcome.value, 200);
    },
  )
  .openapi(
    createRoute({
      method: "post",
      security: [{ agentToken: [] }],
      path: "/api/agent/heartbeat",
      summary: "Renew the agent's lease without a WebSocket",
      request: { body: body(Beat) },
      responses: { 200: json("Renewed", BeatAck), 409: errorResponse("not_registered"), ...refusals },
    }),
    async (c) => {
      const admission = await admitCaller(c);
      const outcome = await callHub(c.env, admission.agentId, async (hub) =>
        hub.heartbeat(admission, c.req.valid("json")),
      );
      if (!outcome.ok) throw outcomeError(outcome.error);
      return c.json(outcome.value, 200);
    },
  );
