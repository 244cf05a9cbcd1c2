/** The schema of an agent in the API, and how a route finds one. registry/agent-json.ts makes its JSON. */
import { z } from "@hono/zod-openapi";
import { callHubsOf } from "../hubs.ts";
import { isUnconfirmed, type LiveStatus, newest, OFFLINE_REASONS } from "../presence/presence.ts";
import { FLAPPING } from "../presence/timeline.ts";
import { type AgentRecord, findAgent } from "../registry/agents.ts";
import { ApiError } from "./errors.ts";
import { errorResponse } from "./router.ts";

const CloneHost = z.object({ address: z.string().nullable(), hostname: z.string(), seenAt: z.int() });

export const Agent = z
  .object({
    id: z.string(),
    name: z.string(),
    labels: z.array(z.string()).readonly().openapi({ description: "Each is `key` or `key=value`; sorted" }),
    generation: z.int().openapi({ description: "Generation of its latest connection; 0 before the first" }),
    revision: z.int().openapi({ description: "How often it has changed, apart from its connection" }),
    status: z.enum(["online", "offline"]),
    reason: z
      .enum([...OFFLINE_REASONS, "late"])
      .nullable()
      .openapi({
        description: "Why the agent is offline; `late` if it is online but has missed a beat",
      }),
    since: z.int(),
    lastSeen: z.int().nullable(),
    connectedAt: z.int().nullable(),
    createdAt: z.int(),
    revokedAt: z.int().nullable(),
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
    flappingUntil: z.int().nullable().openapi({ description: "When `flapping` ends if it stays as it is" }),
    clone: z
      .object({ at: z.int(), first: CloneHost, second: CloneHost })
      .nullable()
      .openapi({ description: "Two live hosts seen with this one identity within the last day" }),
  })
  .openapi("Agent", {
    example: {
      id: "k3vq7fzxw2ra5tjm6cyd",
      name: "edge-7",
      labels: ["edge", "env=prod"],
      generation: 1_790_000_000_000,
      revision: 0,
      status: "online",
      reason: null,
      since: 1_790_000_000_000,
      lastSeen: 1_790_000_030_000,
      connectedAt: 1_790_000_000_000,
      createdAt: 1_789_990_000_000,
      revokedAt: null,
      version: "1.0.0",
      os: "linux",
      arch: "amd64",
      hostname: "edge-7",
      address: "203.0.113.9",
      rttMs: 23,
      skewMs: -140,
      flapping: false,
      flappingUntil: null,
      clone: null,
    },
  });

export const agentId = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, example: "k3vq7fzxw2ra5tjm6cyd" }),
});
export const unknownAgent = errorResponse("unknown_agent");
export const unauthorized = errorResponse("unauthorized");

/**
 * One agent: its record in the registry and its live status in its hub. The registry is read first, as in the list of
 * agents.
 * @throws ApiError 404 if there is no such agent
 */
export async function knownAgent(env: Env, id: string): Promise<[AgentRecord, LiveStatus | undefined]> {
  let record = found(await findAgent(env.DB, id));
  const known = (await callHubsOf(env, id, record.hub, async (hub) => hub.status(id))).flat();
  const live = newest(known).get(id);
  if (isUnconfirmed(record, live)) record = found(await findAgent(env.DB, id));
  return [record, live];
}

export function found(record: AgentRecord | null): AgentRecord {
  if (record === null) throw missing();
  return record;
}

export function missing(): ApiError {
  return new ApiError(404, "unknown_agent", "there is no such agent");
}
