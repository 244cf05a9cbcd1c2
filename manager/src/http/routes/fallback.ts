/** `POST /api/agent/register` and `/api/agent/heartbeat`: the HTTP fallback for the control subjects. */
import { createRoute, z } from "@hono/zod-openapi";
import { callHub } from "../../hubs.ts";
import { Beat, BeatAck, Registered, Registration } from "../../protocol/payloads.ts";
import { admitCaller } from "../caller/agent.ts";
import { countConnection } from "../caller/limits.ts";
import { outcomeError } from "../errors.ts";
import { body, errorResponse, json, newRouter } from "../router.ts";

const RegisterBody = Registration.openapi("Registration", {
  example: { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "edge-7", name: "edge-7" },
});
const RegisterAnswer = Registered.extend({
  token: z.string().optional().openapi({ description: "The permanent token; only in the answer to an enrolment" }),
}).openapi("Registered");
const BeatBody = Beat.openapi("Beat", { example: { rttMs: 23, skewMs: -140 } });
const BeatAnswer = BeatAck.openapi("BeatAck");

const refusals = {
  400: errorResponse("invalid_request", "invalid_json", "invalid_header", "unsupported_protocol"),
  401: errorResponse("missing_token", "invalid_token", "token_expired"),
  403: errorResponse("enrolment_used", "enrolment_revoked", "agent_revoked", "agent_removed", "browser_origin"),
  429: errorResponse("too_many_requests"),
  503: errorResponse("registry_unavailable", "hub_unavailable"),
};

export const fallback = newRouter()
  .openapi(
    createRoute({
      method: "post",
      security: [{ agentToken: [] }],
      path: "/api/agent/register",
      summary: "Register as an agent, or enrol, without a WebSocket",
      request: { body: body(RegisterBody) },
      responses: { 200: json("Registered", RegisterAnswer), ...refusals },
    }),
    async (c) => {
      const admission = await admitCaller(c);
      await countConnection(c, admission);
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
      request: { body: body(BeatBody) },
      responses: { 200: json("Renewed", BeatAnswer), 409: errorResponse("not_registered"), ...refusals },
    }),
    async (c) => {
      const admission = await admitCaller(c, c.env.HEARTBEAT_LIMIT);
      const outcome = await callHub(c.env, admission.agentId, async (hub) =>
        hub.heartbeat(admission, c.req.valid("json")),
      );
      if (!outcome.ok) throw outcomeError(outcome.error);
      return c.json(outcome.value, 200);
    },
  );
