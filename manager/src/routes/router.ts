/** What every route of the API is made with: the Worker's bindings, and one form for a body or parameter that is wrong. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { firstIssue } from "../protocol/payloads.ts";
import { ApiError } from "./errors.ts";

export type App = { Bindings: Env };

export function newRouter(): OpenAPIHono<App> {
  return new OpenAPIHono<App>({
    defaultHook: (result) => {
      if (!result.success) throw new ApiError(400, "invalid_request", firstIssue(result.error));
    },
  });
}

const ErrorBody = z
  .object({ error: z.object({ code: z.string(), message: z.string() }) })
  .openapi("Error", { example: { error: { code: "unknown_agent", message: "there is no such agent" } } });

/** A response of a route's description. */
export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** An error response; `codes` are those that the route gives this status. */
export function errorResponse(...codes: string[]) {
  return json(codes.join(", "), ErrorBody);
}

/** A body that the route cannot do without. */
export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } };
}
