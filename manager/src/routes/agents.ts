/** `/api/agents`: the registry's agents joined with what the hubs know of them now. One of them by itself: timeline.ts. */
import { createRoute, z } from "@hono/zod-openapi";
import type { CloneHost as CloneHostSeen, CloneReport } from "../hub/clones.ts";
import { callEveryHub, callHub } from "../hub/shards.ts";
import { currentPresence, isUnconfirmed, type LiveStatus, newest, OFFLINE_REASONS } from "../presence/presence.ts";
import { FLAPPING, isFlapping } from "../presence/timeline.ts";
import { Name } from "../protocol/payloads.ts";
import {
  type AgentRecord,
  deleteAgent,
  findAgent,
  listAgents,
  type Position,
  renameAgent,
  revokeAgent,
} from "../registry/agents.ts";
import { ApiError } from "./errors.ts";
import { nextPage, pageHeaders } from "./paging.ts";
import { body, errorResponse, json, newRouter } from "./router.ts";

const CloneHost = z.object({ address: z.string().nullable(), hostname: z.string(), seenAt: z.int() });

export const Agent = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(["online", "offline"]),
    reason: z
      .enum([...OFFLINE_REASONS, "late"])
      .nullable()
      .openapi({
        description: "Why it is offline; `late` of one that is online and has missed a beat",
      }),
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
    flapping: z.boolean().openapi({
      description: `It came or went ${FLAPPING.transitions} times or more in ${FLAPPING.withinMs / 60_000} minutes`,
    }),
    clone: z
      .object({ at: z.int(), first: CloneHost, second: CloneHost })
      .nullable()
      .openapi({ description: "Two live hosts seen with this one identity within the last day" }),
  })
  .openapi("Agent", {
    example: {
      id: "k3vq7fzxw2ra5tjm6cyd",
      name: "edge-7",
      status: "online",
      reason: null,
      since: 1_790_000_000_000,
      lastSeen: 1_790_000_030_000,
      connectedAt: 1_790_000_000_000,
      createdAt: 1_789_990_000_000,
      version: "1.0.0",
      os: "linux",
      arch: "amd64",
      hostname: "edge-7",
      address: "203.0.113.9",
      rttMs: 23,
      skewMs: -140,
      flapping: false,
      clone: null,
    },
  });

export const agentId = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, example: "k3vq7fzxw2ra5tjm6cyd" }),
});
export const unknownAgent = errorResponse("unknown_agent");
export const unauthorized = errorResponse("unauthorized");

const Listing = z.strictObject({
  q: z.string().max(255).optional().openapi({ description: "Part of a name, id, hostname or address, in any case" }),
  status: z.enum(["online", "offline"]).optional().openapi({ description: "By live state" }),
  limit: z.coerce.number().int().min(1).max(1000).optional().openapi({ description: "Page size; without it, all" }),
  cursor: z.string().max(1024).optional().openapi({ description: "From the Link header of the page before" }),
});

export const agents = newRouter()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/agents",
      summary: "Agents, by name",
      request: { query: Listing },
      responses: {
        200: {
          ...json("The agents", z.array(Agent)),
          headers: pageHeaders,
        },
        400: errorResponse("invalid_request"),
        401: unauthorized,
      },
    }),
    async (c) => {
      const { q, status, limit, cursor } = c.req.valid("query");
      const page = await pageOfAgents(c.env, { q, status, limit, after: cursor === undefined ? null : decode(cursor) });
      if (page.next !== null) {
        c.header("Link", nextPage(c.req.url, encode(page.next)));
      }
      return c.json(page.agents, 200);
    },
  )
  .openapi(
    createRoute({
      method: "patch",
      path: "/api/agents/{id}",
      summary: "Rename an agent",
      request: { params: agentId, body: body(z.strictObject({ name: Name })) },
      responses: {
        200: json("The agent", Agent),
        400: errorResponse("invalid_request", "invalid_json"),
        401: unauthorized,
        404: unknownAgent,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      found(await renameAgent(c.env.DB, c.get("operator"), id, c.req.valid("json").name));
      return c.json(view(...(await knownAgent(c.env, id))), 200);
    },
  )
  .openapi(
    createRoute({
      method: "post",
      path: "/api/agents/{id}/revoke",
      summary: "Void an agent's token for good and close its connection; its record stays",
      request: { params: agentId },
      responses: { 200: json("The agent", Agent), 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      found(await revokeAgent(c.env.DB, c.get("operator"), id));
      // Also when it was revoked before: the hub may have been out of reach then.
      await callHub(c.env, id, async (hub) => hub.disconnect(id));
      return c.json(view(...(await knownAgent(c.env, id))), 200);
    },
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/agents/{id}",
      summary: "Remove an agent; its token is void and its connection is closed",
      request: { params: agentId },
      responses: { 204: { description: "Removed" }, 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const existed = await deleteAgent(c.env.DB, c.get("operator"), id);
      // Also when it is gone already: the hub may have been out of reach the first time.
      await callHub(c.env, id, async (hub) => hub.disconnect(id));
      if (!existed) throw missing();
      return c.body(null, 204);
    },
  );

/** Rows read at once where the registry cannot tell how many it takes: with a `status` that few agents may have, or with no limit. */
const CHUNK = { filtered: 1_000, unlimited: 10_000 } as const;

async function pageOfAgents(
  env: Env,
  want: { q: string | undefined; status: string | undefined; limit: number | undefined; after: Position | null },
): Promise<{ agents: z.infer<typeof Agent>[]; next: Position | null }> {
  const limit = want.limit ?? Number.POSITIVE_INFINITY;
  // Every read asks all hubs too, so it is as large as can be of use and no larger; the one row more tells of a next page.
  const chunk =
    want.limit === undefined ? CHUNK.unlimited : want.status === undefined ? want.limit + 1 : CHUNK.filtered;
  const agents: z.infer<typeof Agent>[] = [];
  let after = want.after;
  for (;;) {
    const read = () => listAgents(env.DB, { q: want.q, after, limit: chunk });
    // The registry first, the hubs after it: presence is never older than the row that it is laid over.
    let records = await read();
    // After a change of HUB_SHARDS two hubs may speak of one agent: it has moved to where its newer connection is.
    const live = newest((await callEveryHub(env, async (hub) => hub.status())).flat());
    if (records.some((record) => isUnconfirmed(record, live.get(record.id)))) records = await read();
    for (const record of records) {
      const agent = view(record, live.get(record.id));
      if (want.status !== undefined && agent.status !== want.status) continue;
      const last = agents[agents.length - 1];
      if (last !== undefined && agents.length === limit) return { agents, next: { name: last.name, id: last.id } };
      agents.push(agent);
    }
    if (records.length < chunk) return { agents, next: null };
    after = records[records.length - 1] ?? null;
  }
}

/** A cursor is the position of the last agent shown: it stays right while others come and go. */
const Cursor = z.tuple([z.string(), z.string()]);

function encode({ name, id }: Position): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify([name, id]))));
}

function decode(cursor: string): Position {
  try {
    const bytes = Uint8Array.from(atob(cursor), (char) => char.charCodeAt(0));
    const [name, id] = Cursor.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return { name, id };
  } catch {
    throw new ApiError(400, "invalid_request", "cursor: is not one that this manager gave");
  }
}

/** One agent as the registry and its hub know it, the registry asked first as in the list; 404 when there is none. */
export async function knownAgent(env: Env, id: string): Promise<[AgentRecord, LiveStatus | undefined]> {
  let record = found(await findAgent(env.DB, id));
  const [live] = await callHub(env, id, async (hub) => hub.status(id));
  if (isUnconfirmed(record, live)) record = found(await findAgent(env.DB, id));
  return [record, live];
}

export function view(record: AgentRecord, live: LiveStatus | undefined): z.infer<typeof Agent> {
  const { host, status, reason, since, lastSeen, connectedAt, address, rttMs, skewMs } = currentPresence(record, live);
  const { id, name, createdAt, burstAt } = record;
  const seen = { status, reason, since, lastSeen, connectedAt, createdAt };
  const now = Date.now();
  const flapping = isFlapping(burstAt, now);
  return { id, name, ...seen, ...host, address, rttMs, skewMs, flapping, clone: cloneOf(record, now) };
}

/** How long a sighting of a clone is shown: hosts that go on sharing an identity are sighted every few minutes. */
const CLONE_SHOWN_MS = 24 * 3_600_000;

function cloneOf({ clone }: AgentRecord, now: number): z.infer<typeof Agent>["clone"] {
  if (clone === null) return null;
  const { at, first, second } = JSON.parse(clone) as CloneReport;
  const shown = ({ address, hostname, seenAt }: CloneHostSeen) => ({ address, hostname, seenAt });
  return at < now - CLONE_SHOWN_MS ? null : { at, first: shown(first), second: shown(second) };
}

function found(record: AgentRecord | null): AgentRecord {
  if (record === null) throw missing();
  return record;
}

export function missing(): ApiError {
  return new ApiError(404, "unknown_agent", "there is no such agent");
}
