/** `DELETE /api/sessions`: ends all sessions of all operators. */
import { createRoute } from "@hono/zod-openapi";
import { deleteAllSessions } from "../../registry/sessions.ts";
import { endSessions } from "../live.ts";
import { errorResponse, newRouter } from "../router.ts";

export const sessions = newRouter().openapi(
  createRoute({
    method: "delete",
    path: "/api/sessions",
    summary: "Log out everywhere",
    responses: { 204: { description: "Every session is over" }, 401: errorResponse("unauthorized") },
  }),
  async (c) => {
    await deleteAllSessions(c.env.DB, c.get("operator"));
    endSessions(c, null);
    return c.body(null, 204);
  },
);
