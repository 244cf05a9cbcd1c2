/** `GET /api/openapi.json`: the description of the API, made from the schemas that validate the requests. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { App } from "./router.ts";

/** Serves the description of every route of `app`. */
export function serveDescription(app: OpenAPIHono<App>): void {
  const { openAPIRegistry: registry } = app;
  registry.registerComponent("securitySchemes", "password", {
    type: "http",
    scheme: "basic",
    description: "The user `admin` with ADMIN_PASSWORD",
  });
  registry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "__Host-zedops",
    description: "The dashboard's session, from `POST /api/session`",
  });
  registry.registerComponent("securitySchemes", "agentToken", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "An enrolment token or an agent's own token",
  });
  app.doc31("/api/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "ZedOps manager",
      version: "1",
      description: "Errors are `{error: {code, message}}`; the code is stable, the message is for people.",
      license: { name: "MIT" },
    },
    security: [{ password: [] }, { session: [] }],
  });
}
