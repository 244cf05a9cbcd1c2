/** `/api/agents`: the registry's agents joined with what the hubs know of them now. */
import { createRoute, z } from "@hono/zod-openapi";
import { currentPresence, isUnconfirmed, type LiveStatus } from "../hub/presence.ts";
import { callEveryHub, callHub } from "../hub/shards.ts";
import { Name } from "../protocol/payloads.ts";
import { type AgentRecord, deleteAgent, findAgent, listAgents, renameAgent } from "../registry/agents.ts";
import { ApiError } from "./errors.ts";
import { body, errorResponse, json, newRouter } from "./router.ts";

const Agent = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(["online", "offline"]),
    reason: z
      .enum(["stopped", "lost", "lease_expired", "replaced", "revoked", "manager_restart", "policy", "never_connected"])
      .nullable(),
    since: z.int(),
    lastSeen: z.int().nullable(),
    connectedAt: z.int().nullable(),
    createdAt: z.int(),
    version: z.string(),
    os: z.string(),
    arch: z.string(),
    hostname: z.string(),
    address: z.string().nullable(),
    rttMs: z.number().nullable(),
    skewMs: z.number().nullable(),
  })
  .openapi("Agent");

const params = z.object({ id: z.string().openapi({ param: { name: "id", in: "path" } }) });
const unknownAgent = errorResponse("unknown_agent");
const unauthorized = errorResponse("unauthorized");

export const agents = newRouter()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/agents",
      summary: "All agents, by name",
      responses: { 200: json("The agents", z.array(Agent)), 401: unauthorized },
    }),
    async (c) => {
      const read = () => listAgents(c.env.DB);
      // The registry first, the hubs after it: presence is never older than the row that it is laid over.
      let records = await read();
      const live = new Map(
        (await callEveryHub(c.env, async (hub) => hub.status())).flat().map((one) => [one.agentId, one]),
      );
      if (records.some((record) => isUnconfirmed(record, live.get(record.id)))) records = await read();
      return c.json(
        records.map((record) => view(record, live.get(record.id))),
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/agents/{id}",
      summary: "One agent",
      request: { params },
      responses: { 200: json("The agent", Agent), 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      let record = found(await findAgent(c.env.DB, id));
      const live = await liveStatus(c.env, id);
      if (isUnconfirmed(record, live)) record = found(await findAgent(c.env.DB, id));
      return c.json(view(record, live), 200);
    },
  )
  .openapi(
    createRoute({
      method: "patch",
      path: "/api/agents/{id}",
      summary: "Rename an agent",
      request: { params, body: body(z.strictObject({ name: Name })) },
      responses: {
        200: json("The agent", Agent),
        400: errorResponse("invalid_request", "invalid_json"),
        401: unauthorized,
        404: unknownAgent,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const record = found(await renameAgent(c.env.DB, id, c.req.valid("json").name));
      return c.json(view(record, await liveStatus(c.env, id)), 200);
    },
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/agents/{id}",
      summary: "Remove an agent; its token is void and its connection is closed",
      request: { params },
      responses: { 204: { description: "Removed" }, 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      if (!(await deleteAgent(c.env.DB, id, Date.now()))) throw missing();
      await callHub(c.env, id, async (hub) => hub.disconnect(id));
      return c.body(null, 204);
    },
  );

async function liveStatus(env: Env, id: string): Promise<LiveStatus | undefined> {
  const [live] = await callHub(env, id, async (hub) => hub.status(id));
  return live;
}

function view(record: AgentRecord, live: LiveStatus | undefined): z.infer<typeof Agent> {
  const { host, status, reason, since, lastSeen, connectedAt, address, rttMs, skewMs } = currentPresence(record, live);
  const { id, name, createdAt } = record;
  return { id, name, status, reason, since, lastSeen, connectedAt, createdAt, ...host, address, rttMs, skewMs };
}

function found(record: AgentRecord | null): AgentRecord {
  if (record === null) throw missing();
  return record;
}

function missing(): ApiError {
  return new ApiError(404, "unknown_agent", "there is no such agent");
}
