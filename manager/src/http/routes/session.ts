/** `/api/session`: log-in and log-out of the dashboard. */
import { createRoute, z } from "@hono/zod-openapi";
import { sameSecret } from "../../digest.ts";
import { countGuess, refuseGuesser } from "../caller/limits.ts";
import { requireAdmin } from "../caller/operator.ts";
import { beginSession, endSession } from "../caller/session.ts";
import { ApiError } from "../errors.ts";
import { endSessions } from "../live.ts";
import { body, errorResponse, newRouter } from "../router.ts";

export const session = newRouter()
  .openapi(
    createRoute({
      method: "post",
      security: [],
      path: "/api/session",
      summary: "Log in",
      request: { body: body(z.strictObject({ password: z.string().max(1024) })) },
      responses: {
        204: { description: "Logged in; the cookie is set" },
        400: errorResponse("invalid_request", "invalid_json"),
        401: errorResponse("wrong_password"),
        403: errorResponse("insecure_transport", "foreign_origin"),
        429: errorResponse("too_many_requests"),
      },
    }),
    async (c) => {
      refuseGuesser(c);
      if (!sameSecret(c.req.valid("json").password, c.env.ADMIN_PASSWORD)) {
        await countGuess(c);
        throw new ApiError(401, "wrong_password", "the password is wrong");
      }
      await beginSession(c);
      return c.body(null, 204);
    },
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/session",
      summary: "Log out",
      middleware: requireAdmin,
      responses: { 204: { description: "Logged out" }, 401: errorResponse("unauthorized") },
    }),
    async (c) => {
      const idHash = await endSession(c);
      if (idHash !== null) endSessions(c, idHash);
      return c.body(null, 204);
    },
  );
