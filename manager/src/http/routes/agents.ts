/** `/api/agents`: lists, changes, revokes and removes agents. timeline.ts shows one agent and its timeline, bulk.ts handles several. */
import { createRoute, z } from "@hono/zod-openapi";
import { callHubs, callHubsOf, callHubsOfEach } from "../../hubs.ts";
import { isUnconfirmed, type LiveStatus, newest } from "../../presence/presence.ts";
import { MAX_LABELS } from "../../protocol/label.ts";
import { LabelFilter, Labels, Name } from "../../protocol/payloads.ts";
import { type AgentJson, agentJson, recordedAgentJson } from "../../registry/agent-json.ts";
import { type AgentRecord, changeAgent, listAgents, type Position, type Wanted } from "../../registry/agents.ts";
import { type Handled, removeAgents, revokeAgents } from "../../registry/bulk.ts";
import { fold, isFound } from "../../registry/search.ts";
import { Agent, agentId, found, knownAgent, missing, unauthorized, unknownAgent } from "../agent-view.ts";
import { ApiError } from "../errors.ts";
import { announceChange } from "../live.ts";
import { nextPage, pageHeaders } from "../paging.ts";
import { body, errorResponse, json, newRouter } from "../router.ts";

const Listing = z.strictObject({
  q: z.string().max(255).optional().openapi({ description: "Part of a name, id, hostname or address, in any case" }),
  status: z.enum(["online", "offline"]).optional().openapi({ description: "By live state" }),
  label: z
    .preprocess(
      (value) => (typeof value === "string" ? [value] : value),
      z.array(LabelFilter).max(MAX_LABELS).default([]),
    )
    .openapi({
      type: "array",
      items: { type: "string" },
      description:
        "`key`: has this key; `key=value`: has this label; `key=`: has this key without a value. All must match",
      example: ["env=prod"],
    }),
  limit: z.coerce.number().int().min(1).max(1000).optional().openapi({ description: "Page size; without it, all" }),
  cursor: z.string().max(1024).optional().openapi({ description: "From the Link header of the previous page" }),
});

const Changes = z
  .strictObject({ name: Name.optional(), labels: Labels.optional().openapi({ description: "The whole new list" }) })
  .refine(({ name, labels }) => name !== undefined || labels !== undefined, "there must be a name or labels")
  .openapi("AgentChanges", { example: { name: "edge-7", labels: ["edge", "env=prod"] } });

/** A header and no parameter: an earlier release ignores it, and a page of this release outlives a rollback. */
const RECORDED_HEADER = "Zedops-Recorded";

export const agents = newRouter()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/agents",
      summary: "Agents, by name",
      request: {
        query: Listing,
        headers: z.object({
          "zedops-recorded": z.string().optional().openapi({
            description: "`true`: the agents as the database has them, without asking the hubs",
          }),
        }),
      },
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
      const { q, status, label: filters, limit, cursor } = c.req.valid("query");
      const after = cursor === undefined ? null : decode(cursor);
      const recorded = c.req.header(RECORDED_HEADER) === "true";
      const page = await pageOfAgents(c.env, { q, filters, status, limit, after, recorded });
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
      summary: "Rename an agent, or change its labels",
      request: { params: agentId, body: body(Changes) },
      responses: {
        200: json("The agent", Agent),
        400: errorResponse("invalid_request", "invalid_json"),
        401: unauthorized,
        404: unknownAgent,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const changes = c.req.valid("json");
      const record = found(await changeAgent(c.env.DB, c.get("operator"), id, changes));
      if (changes.name !== undefined) announceChange(c, "renamed", record);
      if (changes.labels !== undefined) announceChange(c, "labelled", record);
      return c.json(agentJson(...(await knownAgent(c.env, id))), 200);
    },
  )
  .openapi(
    createRoute({
      method: "post",
      path: "/api/agents/{id}/revoke",
      summary: "Make an agent's token void for good and close its connection; its record stays",
      request: { params: agentId },
      responses: { 200: json("The agent", Agent), 401: unauthorized, 404: unknownAgent },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const record = found(present((await revokeAgents(c.env.DB, c.get("operator"), [id]))[0]));
      announceChange(c, "revoked", record);
      // Done even if the agent was revoked before: the hub may have been out of reach then.
      await callHubsOf(c.env, id, record.hub, async (hub) => hub.disconnect(id));
      return c.json(agentJson(...(await knownAgent(c.env, id))), 200);
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
      const [removed] = await removeAgents(c.env.DB, c.get("operator"), [id]);
      if (removed === undefined) throw missing();
      if (removed.isChanged) announceChange(c, "removed", removed.record);
      // Done even if the agent was removed before: the hub may have been out of reach then.
      await callHubsOf(c.env, id, removed.record.hub, async (hub) => hub.disconnect(id));
      if (!removed.isChanged) throw missing();
      return c.body(null, 204);
    },
  );

/** The record of an agent that is not removed. */
function present(handled: Handled | undefined): AgentRecord | null {
  return handled === undefined || handled.isRemoved ? null : handled.record;
}

/**
 * How many rows are read at once if the registry does not know how many are needed. `filtered`: the list is filtered by
 * `status`, and few agents may have it. `unlimited`: the list has no limit.
 */
const CHUNK = { filtered: 1_000, unlimited: 10_000 } as const;
/** Rows read for one page at most. A page that has not found enough agents in them is short, and the next one goes on. */
const MAX_READ = 10_000;

async function pageOfAgents(
  env: Env,
  want: Wanted & {
    readonly status: string | undefined;
    readonly limit: number | undefined;
    readonly after: Position | null;
    /** Whether the answer is what the registry has. Then no hub is asked. */
    readonly recorded: boolean;
  },
): Promise<{ agents: AgentJson[]; next: Position | null }> {
  const limit = want.limit ?? Number.POSITIVE_INFINITY;
  const q = want.q === undefined ? undefined : fold(want.q);
  // Each read also calls all hubs, so it should be large, but not larger than needed. One extra row shows whether there
  // is a next page.
  let chunk = want.limit === undefined ? CHUNK.unlimited : want.status === undefined ? want.limit + 1 : CHUNK.filtered;
  const live = want.recorded ? null : new LiveStatuses(env, want.limit !== undefined && want.status === undefined);
  const agents: AgentJson[] = [];
  let after = want.after;
  for (let rows = 0; ; ) {
    const read = () => listAgents(env.DB, { q, filters: want.filters, after, limit: chunk });
    // The registry is read before the hubs, so presence is never older than the row that it replaces.
    let records = await read();
    await live?.learn(records);
    if (live !== null && records.some((record) => isUnconfirmed(record, live.of(record)))) {
      records = await read();
      await live.learn(records);
    }
    for (const record of records) {
      if (q !== undefined && !isFound(record, q)) continue;
      const agent = live === null ? recordedAgentJson(record) : agentJson(record, live.of(record));
      if (want.status !== undefined && agent.status !== want.status) continue;
      const last = agents[agents.length - 1];
      if (last !== undefined && agents.length === limit) return { agents, next: { name: last.name, id: last.id } };
      agents.push(agent);
    }
    if (records.length < chunk) return { agents, next: null };
    after = records[records.length - 1] ?? null;
    rows += records.length;
    if (want.limit !== undefined && rows >= MAX_READ) return { agents, next: after };
    chunk = Math.max(chunk, CHUNK.filtered);
  }
}

/** The hubs' answers about the agents of one request. Each hub is asked once. */
class LiveStatuses {
  readonly #env: Env;
  readonly #few: boolean;
  #byAgent: Map<string, LiveStatus> | null;
  /** The agents whose hubs were asked after their rows were read. */
  readonly #asked = new Set<string>();

  /** @param few the hubs are asked about the agents of a page, and not about all of theirs */
  constructor(env: Env, few: boolean) {
    this.#env = env;
    this.#few = few;
    this.#byAgent = few ? new Map() : null;
  }

  of({ id }: AgentRecord): LiveStatus | undefined {
    return this.#byAgent?.get(id);
  }

  /** Asks the hubs what is not known yet of the agents of these rows, which were read just now. */
  async learn(records: readonly AgentRecord[]): Promise<void> {
    if (this.#byAgent === null) {
      // After a change of HUB_SHARDS an earlier hub may still hold sockets, so two hubs may report one agent. The newer
      // report counts.
      const recorded = records.flatMap(({ hub, status }) => (hub !== null && status === "online" ? [hub] : []));
      this.#byAgent = newest((await callHubs(this.#env, recorded, async (hub) => hub.status())).flat());
      for (const { id } of records) this.#asked.add(id);
      return;
    }
    const unknown = records.filter(
      (record) => !this.#asked.has(record.id) && (this.#few || isNews(record, this.of(record))),
    );
    const answers = await callHubsOfEach(this.#env, unknown, async (hub, ids) => hub.status(undefined, ids));
    const byAgent = newest(answers.flat());
    for (const { id } of unknown) {
      const live = byAgent.get(id);
      if (live === undefined) this.#byAgent.delete(id);
      else this.#byAgent.set(id, live);
      this.#asked.add(id);
    }
  }
}

/** Whether a row has a transition that happened after its hub was asked. */
function isNews(record: AgentRecord, live: LiveStatus | undefined): boolean {
  const hasEnded = live?.status === "online" && record.status === "offline" && record.generation >= live.generation;
  return hasEnded || isUnconfirmed(record, live);
}

/** A cursor is the position of the last agent on the page. It stays valid when other agents are added or removed. */
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
    throw new ApiError(400, "invalid_request", "cursor: this manager did not make it");
  }
}
