/** Operators' messages: a request to one agent, a publication to all subscribers, and an agent's subscriptions. */
import { createRoute, z } from "@hono/zod-openapi";
import { askThroughHub, callConnectedHub, callEveryHubOnce, callEveryHubOnceForEach } from "../../hubs.ts";
import { MAX_LABELS } from "../../protocol/label.ts";
import { LabelFilter } from "../../protocol/payloads.ts";
import { operatorMaySend } from "../../protocol/permissions.ts";
import { findAgent } from "../../registry/agents.ts";
import { type LabelledAgent, listLabelled } from "../../registry/labels.ts";
import { agentId, missing, unauthorized, unknownAgent } from "../agent-view.ts";
import { ApiError, outcomeError, requestError } from "../errors.ts";
import { readMessageBody } from "../message-body.ts";
import { anyErrorResponse, body, errorResponse, json, newRouter } from "../router.ts";

const Subject = z.string().openapi({ description: "A subject as PROTOCOL.md defines it", example: "test.echo" });
const Data = z
  .unknown()
  .optional()
  .openapi({ description: "Any JSON", example: { hello: "world" } });

/** The fields of a request, without `data`. */
const RequestFields = z.strictObject({
  subject: Subject,
  timeoutMs: z.int().min(1).max(60_000).default(5_000),
});
const RequestMessage = RequestFields.extend({ data: Data }).openapi("RequestMessage");

const Reply = z.object({ data: Data }).openapi("Reply");

/** The fields of a publication, without `data`. */
const PublishFields = z.strictObject({
  subject: Subject,
  label: z
    .array(LabelFilter)
    .min(1)
    .max(MAX_LABELS)
    .optional()
    .openapi({ description: "Only to agents that match all of these label filters", example: ["env=prod"] }),
});
const PublishMessage = PublishFields.extend({ data: Data }).openapi("PublishMessage");

const Published = z
  .object({
    delivered: z.int().openapi({ description: "Subscribers that it was sent to", example: 12 }),
    dropped: z.int().openapi({ description: "Subscribers that were too far behind to get it", example: 0 }),
  })
  .openapi("Published");

const SubscriptionStatus = z
  .object({
    patterns: z.array(z.string()).openapi({ example: ["fleet.>"] }),
    delivered: z.int().openapi({ description: "Messages sent on this connection" }),
    dropped: z.int().openapi({ description: "Messages not sent because the agent was too far behind" }),
    unacknowledged: z.object({ frames: z.int(), bytes: z.int() }),
  })
  .openapi("SubscriptionStatus");

const request = createRoute({
  method: "post",
  path: "/api/agents/{id}/request",
  summary: "Send a request to an agent and wait for its reply",
  request: { params: agentId, body: body(RequestMessage) },
  responses: {
    200: json("The agent's reply", Reply),
    400: errorResponse("invalid_subject", "invalid_request", "invalid_json"),
    401: unauthorized,
    403: errorResponse("forbidden"),
    404: unknownAgent,
    413: errorResponse("payload_too_large"),
    502: anyErrorResponse("disconnected, or any code of the agent's", z.string(), "disconnected"),
    503: errorResponse("no_responders"),
    504: errorResponse("timeout"),
  },
});

const publish = createRoute({
  method: "post",
  path: "/api/publish",
  summary: "Send a message to every agent that subscribes to its subject",
  request: { body: body(PublishMessage) },
  responses: {
    200: json("The number of subscribers", Published),
    400: errorResponse("invalid_subject", "invalid_request", "invalid_json", "too_many_agents"),
    401: unauthorized,
    403: errorResponse("forbidden"),
    413: errorResponse("payload_too_large"),
    503: errorResponse("hub_unavailable", "registry_unavailable"),
  },
});

export const messages = newRouter();

// These two routes carry payloads. They are only described here. readMessageBody reads their bodies, because a
// validator would parse the payload and so alter it.
messages.openAPIRegistry.registerPath(request);
messages.openAPIRegistry.registerPath(publish);

messages
  .post(request.getRoutingPath(), async (c) => {
    const id = c.req.param("id");
    const { subject, timeoutMs, dataJson } = await readMessageBody(c, RequestFields);
    const permitted = operatorMaySend(subject);
    if (!permitted.ok) throw outcomeError(permitted.error);
    const outcome = await askThroughHub(c.env, id, async (hub) => hub.request(id, subject, dataJson, timeoutMs));
    if (outcome.ok) {
      const reply = outcome.value === undefined ? "{}" : `{"data":${outcome.value}}`;
      return c.body(reply, 200, { "Content-Type": "application/json" });
    }
    if (outcome.error.code === "no_responders" && (await findAgent(c.env.DB, id)) === null) throw missing();
    throw requestError(outcome.error);
  })
  .post(publish.getRoutingPath(), async (c) => {
    const { subject, dataJson, label } = await readMessageBody(c, PublishFields);
    const permitted = operatorMaySend(subject);
    if (!permitted.ok) throw outcomeError(permitted.error);
    const total = { delivered: 0, dropped: 0 };
    const outcomes =
      label === undefined
        ? await callEveryHubOnce(c.env, async (hub) => hub.publish(subject, dataJson))
        : await callEveryHubOnceForEach(c.env, await addressed(c.env.DB, label), async (hub, ids) =>
            hub.publishTo(ids, subject, dataJson),
          );
    for (const outcome of outcomes) {
      if (!outcome.ok) throw outcomeError(outcome.error);
      total.delivered += outcome.value.delivered;
      total.dropped += outcome.value.dropped;
    }
    return c.json(total, 200);
  });

/** Agents that one publication with label filters may address. */
const MAX_ADDRESSED = 10_000;

/** The agents that match these label filters. @throws ApiError 400 if they are too many */
async function addressed(db: D1Database, filters: readonly string[]): Promise<LabelledAgent[]> {
  const agents = await listLabelled(db, filters, MAX_ADDRESSED + 1);
  if (agents.length <= MAX_ADDRESSED) return agents;
  throw new ApiError(400, "too_many_agents", `more than ${MAX_ADDRESSED} agents match the label filters`);
}

messages.openapi(
  createRoute({
    method: "get",
    path: "/api/agents/{id}/subscriptions",
    summary: "An agent's subscriptions, and how far behind it is",
    request: { params: agentId },
    responses: {
      200: json("Empty while the agent is not connected", SubscriptionStatus),
      401: unauthorized,
      404: unknownAgent,
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const status = await callConnectedHub(
      c.env,
      id,
      async (hub) => hub.subscriptions(id),
      (answer) => answer === null,
    );
    if (status === null && (await findAgent(c.env.DB, id)) === null) throw missing();
    const { patterns, delivered, dropped, unacknowledged } = status ?? NOT_CONNECTED;
    return c.json({ patterns: [...patterns], delivered, dropped, unacknowledged }, 200);
  },
);

const NOT_CONNECTED = { patterns: [], delivered: 0, dropped: 0, unacknowledged: { frames: 0, bytes: 0 } };
