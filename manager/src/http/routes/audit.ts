/** `GET /api/audit`: who did what, from where and when. */
import { createRoute, z } from "@hono/zod-openapi";
import { listAudit } from "../../registry/audit.ts";
import { nextPage, pageHeaders } from "../paging.ts";
import { errorResponse, json, newRouter } from "../router.ts";

const Entry = z
  .object({
    id: z.int(),
    at: z.int(),
    via: z.enum(["password", "session"]).openapi({ description: "How the operator logged in for this request" }),
    address: z.string().nullable(),
    action: z.string().openapi({ example: "agent.revoke" }),
    target: z.string().nullable().openapi({ description: "Id of the agent or enrolment token, or the hub" }),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).nullable(),
  })
  .openapi("AuditEntry");

const Listing = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .openapi({ description: "From the Link header of the previous page" }),
  action: z.string().max(64).optional().openapi({ description: "Only these actions", example: "agent.revoke" }),
  target: z.string().max(64).optional().openapi({ description: "Only actions on this agent, enrolment token or hub" }),
});

export const audit = newRouter().openapi(
  createRoute({
    method: "get",
    path: "/api/audit",
    summary: "The audit trail: what operators did, the newest first",
    request: { query: Listing },
    responses: {
      200: { ...json("The entries", z.array(Entry)), headers: pageHeaders },
      400: errorResponse("invalid_request"),
      401: errorResponse("unauthorized"),
    },
  }),
  async (c) => {
    const { limit, cursor, action, target } = c.req.valid("query");
    // One extra row shows whether there is a next page.
    const entries = await listAudit(c.env.DB, { action, target }, limit + 1, cursor);
    const page = entries.slice(0, limit);
    if (entries.length > limit) c.header("Link", nextPage(c.req.url, String(page[page.length - 1]?.id)));
    return c.json(page, 200);
  },
);
