/**
 * `/api/admin/parked`: transitions of presence that the registry rejected. Each hub keeps its parked transitions apart,
 * so that they do not hold up the others.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { callEveryHubOnce } from "../../hubs.ts";
import { insertAuditEvent } from "../../registry/audit.ts";
import { errorResponse, json, newRouter } from "../router.ts";

const Parked = z
  .object({
    at: z.int().openapi({ description: "When it was parked" }),
    error: z.string().openapi({ description: "What the registry said" }),
    transition: z.string().openapi({ description: "The transition, as JSON" }),
  })
  .openapi("ParkedTransition");

const failures = { 401: errorResponse("unauthorized"), 503: errorResponse("hub_unavailable") };

export const parked = newRouter()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/admin/parked",
      summary: "Transitions of presence that the registry rejected",
      responses: { 200: json("The transitions", z.array(Parked)), ...failures },
    }),
    async (c) => {
      const parked = (await callEveryHubOnce(c.env, async (hub) => hub.parked())).flat();
      return c.json(
        parked.map(({ at, error, transitionJson }) => ({ at, error, transition: transitionJson })),
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/admin/parked",
      summary: "Forget the parked transitions; the next transition of each agent corrects its presence",
      responses: { 204: { description: "Forgotten" }, ...failures },
    }),
    async (c) => {
      await insertAuditEvent(c.env.DB, c.get("operator"), { action: "parked.forget" });
      await callEveryHubOnce(c.env, async (hub) => hub.forgetParked());
      return c.body(null, 204);
    },
  );
