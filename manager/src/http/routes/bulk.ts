/** `POST /api/agents/bulk`: revokes, removes or labels several agents. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { tellHubsOfEach } from "../../hubs.ts";
import { isLabelKey, MAX_LABELS, splitLabel } from "../../protocol/label.ts";
import { Labels } from "../../protocol/payloads.ts";
import { type Handled, labelAgents, removeAgents, revokeAgents } from "../../registry/bulk.ts";
import { RegistryUnavailable } from "../../registry/query.ts";
import { unauthorized } from "../agent-view.ts";
import { announceChanges } from "../live.ts";
import { type App, body, errorResponse, json, newRouter } from "../router.ts";

const MAX_IDS = 500;
/** Number of agents in one batch of D1. A removal also deletes their timelines, up to 230 rows for each agent. */
const CHUNK = 100;

const Ids = z
  .array(z.string().min(1).max(64))
  .min(1)
  .max(MAX_IDS)
  .refine((ids) => new Set(ids).size === ids.length, "has an id twice")
  .openapi({ example: ["k3vq7fzxw2ra5tjm6cyd"] });

const Keys = z.array(z.string().refine(isLabelKey, "is not the key of a label")).min(1).max(MAX_LABELS);

const Labelling = z
  .strictObject({
    action: z.literal("label"),
    ids: Ids,
    add: Labels.refine((labels) => labels.length > 0, "must have a label").optional(),
    remove: Keys.optional(),
  })
  .refine(({ add, remove }) => add !== undefined || remove !== undefined, "there must be add or remove")
  .refine(({ add = [], remove = [] }) => !add.some((label) => remove.includes(splitLabel(label).key)), {
    path: ["remove"],
    message: "has the key of a label that is added",
  });

const BulkAction = z
  .discriminatedUnion("action", [
    z.strictObject({ action: z.literal("revoke"), ids: Ids }),
    z.strictObject({ action: z.literal("remove"), ids: Ids }),
    Labelling,
  ])
  .openapi("BulkAction", {
    example: { action: "label", ids: ["k3vq7fzxw2ra5tjm6cyd"], add: ["env=prod"], remove: ["edge"] },
  });
type BulkAction = z.infer<typeof BulkAction>;

const OUTCOMES = ["done", "unknown_agent", "too_many_labels", "hub_unavailable", "registry_unavailable"] as const;
type BulkOutcome = (typeof OUTCOMES)[number];

const Results = z
  .object({ results: z.array(z.object({ id: z.string(), outcome: z.enum(OUTCOMES) })) })
  .openapi("BulkResults", { example: { results: [{ id: "k3vq7fzxw2ra5tjm6cyd", outcome: "done" }] } });

export const bulk = newRouter().openapi(
  createRoute({
    method: "post",
    path: "/api/agents/bulk",
    summary: `Revoke, remove or label up to ${MAX_IDS} agents`,
    request: { body: body(BulkAction) },
    responses: {
      200: json("The outcome for each agent", Results),
      400: errorResponse("invalid_request", "invalid_json"),
      401: unauthorized,
      503: errorResponse("registry_unavailable"),
    },
  }),
  async (c) => {
    const action = c.req.valid("json");
    const outcomes = new Map<string, BulkOutcome>();
    for (let start = 0; start < action.ids.length; start += CHUNK) {
      const ids = action.ids.slice(start, start + CHUNK);
      try {
        for (const [id, outcome] of await handle(c, action, ids)) outcomes.set(id, outcome);
      } catch (error) {
        if (start === 0 || !(error instanceof RegistryUnavailable)) throw error;
        break;
      }
    }
    const results = action.ids.map((id) => ({ id, outcome: outcomes.get(id) ?? "registry_unavailable" }));
    return c.json({ results }, 200);
  },
);

/**
 * Does the action on some of the agents.
 * @throws RegistryUnavailable if it is done on none of them
 */
async function handle(c: Context<App>, action: BulkAction, ids: readonly string[]): Promise<Map<string, BulkOutcome>> {
  const handled = await change(c, action, ids);
  const changed = handled.filter(({ isChanged }) => isChanged).map(({ record }) => record);
  announceChanges(c, CHANGES[action.action], changed);
  const outcomes = new Map<string, BulkOutcome>(ids.map((id) => [id, "unknown_agent"]));
  if (action.action === "label") {
    for (const { record, isChanged, isRemoved } of handled) {
      if (!isRemoved) outcomes.set(record.id, isChanged ? "done" : "too_many_labels");
    }
    return outcomes;
  }
  // Also for agents that were revoked or removed before: perhaps their hub could not be reached then.
  const shutOut = handled.map(({ record }) => record);
  const untold = await tellHubsOfEach(c.env, shutOut, async (hub, held) => hub.disconnectEach(held));
  for (const { record, isChanged, isRemoved } of handled) {
    if (untold.has(record.id)) outcomes.set(record.id, "hub_unavailable");
    else if (isChanged || !isRemoved) outcomes.set(record.id, "done");
  }
  return outcomes;
}

const CHANGES = { revoke: "revoked", remove: "removed", label: "labelled" } as const;

function change(c: Context<App>, action: BulkAction, ids: readonly string[]): Promise<Handled[]> {
  const operator = c.get("operator");
  switch (action.action) {
    case "revoke":
      return revokeAgents(c.env.DB, operator, ids);
    case "remove":
      return removeAgents(c.env.DB, operator, ids);
    case "label":
      return labelAgents(c.env.DB, operator, ids, { added: action.add ?? [], removed: action.remove ?? [] });
  }
}
