/**
 * Shared by all routes of the API: the bindings of the Worker, the answer to an invalid body or parameter, and OpenAPI
 * parts.
 */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { firstIssue } from "../protocol/payloads.ts";
import type { Operator } from "../registry/audit.ts";
import { ApiError } from "./errors.ts";

export type App = {
  Bindings: Env;
  /** Set by requireAdmin. */
  Variables: { operator: Operator };
};

export function newRouter(): OpenAPIHono<App> {
  return new OpenAPIHono<App>({
    defaultHook: (result) => {
      if (!result.success) throw new ApiError(400, "invalid_request", firstIssue(result.error));
    },
  });
}

/** A JSON response in a route's description. */
export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** An error response in a route's description. `codes` are the error codes that the route sends with this status. */
export function errorResponse(...codes: [string, ...string[]]) {
  return anyErrorResponse(codes.join(", "), z.enum(codes), codes[0]);
}

/** An error response in a route's description. Its code may be one that an agent chose. */
export function anyErrorResponse(description: string, code: z.ZodType<string>, example: string) {
  const schema = z.object({ error: z.object({ code, message: z.string() }) });
  return json(description, schema.openapi({ example: { error: { code: example, message: "what happened" } } }));
}

/** A required body in a route's description. */
export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } };
}
