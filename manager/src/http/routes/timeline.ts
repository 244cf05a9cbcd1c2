/** `GET /api/agents/:id` shows one agent with its uptime. `GET /api/agents/:id/events` shows the agent's timeline. */
import { createRoute, z } from "@hono/zod-openapi";
import { currentPresence, OFFLINE_REASONS } from "../../presence/presence.ts";
import { KEPT, timeline, uptime } from "../../presence/timeline.ts";
import { agentJson } from "../../registry/agent-json.ts";
import { listEvents } from "../../registry/transitions.ts";
import { Agent, agentId, knownAgent, unauthorized, unknownAgent } from "../agent-view.ts";
import { json, newRouter } from "../router.ts";

const HOUR_MS = 3_600_000;

const Share = z.number().min(0).max(1).nullable();

const AgentDetail = Agent.extend({
  uptime: z
    .object({ day: Share, week: Share })
    .openapi({ description: "The known share of the last 24 hours and of the last 7 days that the agent was online" }),
}).openapi("AgentDetail");

const TimelineEntry = z
  .object({
    at: z.int().openapi({ description: "When the status began" }),
    status: Agent.shape.status,
    reason: z.enum(OFFLINE_REASONS).nullable(),
    generation: z.int().openapi({ description: "Generation of the connection; it grows with each new connection" }),
    durationMs: z.int().nullable().openapi({ description: "How long the status lasted; null for the present status" }),
    address: z.string().nullable(),
    closeCode: z.int().nullable().openapi({ description: "Code of the WebSocket close that ended the connection" }),
  })
  .openapi("TimelineEntry");

export const timelines = newRouter()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/agents/{id}",
      summary: "One agent",
      request: { params: agentId },
      responses: { 200: json("The agent", AgentDetail), 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { agent, entries, now } = await currentTimeline(c.env, c.req.valid("param").id);
      const share = (hours: number) => uptime(entries, hours * HOUR_MS, now);
      return c.json({ ...agent, uptime: { day: share(24), week: share(7 * 24) } }, 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/agents/{id}/events",
      summary: `When the agent came and went, the newest first: at most ${KEPT.transitions} entries, of ${KEPT.ms / (24 * HOUR_MS)} days`,
      request: { params: agentId },
      responses: { 200: json("The entries", z.array(TimelineEntry)), 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { entries } = await currentTimeline(c.env, c.req.valid("param").id);
      return c.json(entries, 200);
    },
  );

async function currentTimeline(env: Env, id: string) {
  const [record, live] = await knownAgent(env, id);
  // The events are read last. Events written after the hub answered are newer than its answer, and `timeline` treats
  // them so.
  const events = await listEvents(env.DB, id);
  const now = Date.now();
  return { agent: agentJson(record, live), entries: timeline(events, currentPresence(record, live), now), now };
}
