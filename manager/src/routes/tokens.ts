/** `/api/admin/tokens`: enrolment tokens. */
import { createRoute, z } from "@hono/zod-openapi";
import { mintEnrolmentToken } from "../auth/tokens.ts";
import { randomId } from "../digest.ts";
import { Name } from "../protocol/payloads.ts";
import { insertEnrolment } from "../registry/enrolments.ts";
import { body, errorResponse, json, newRouter } from "./router.ts";

const TokenRequest = z
  .strictObject({
    name: Name.optional(),
    ttlSeconds: z.int().min(60).max(2_592_000).default(3600),
    maxUses: z.int().min(1).max(10_000).default(1),
  })
  .openapi("TokenRequest", { example: { name: "edge-7", ttlSeconds: 3600, maxUses: 1 } });

const MintedToken = z
  .object({
    id: z.string(),
    token: z.string(),
    name: z.string().nullable(),
    maxUses: z.int(),
    createdAt: z.int(),
    expiresAt: z.int(),
  })
  .openapi("MintedToken");

export const tokens = newRouter().openapi(
  createRoute({
    method: "post",
    path: "/api/admin/tokens",
    summary: "Mint an enrolment token",
    request: { body: body(TokenRequest) },
    responses: {
      201: json("Minted", MintedToken),
      400: errorResponse("invalid_request", "invalid_json"),
      401: errorResponse("unauthorized"),
    },
  }),
  async (c) => {
    const { name = null, ttlSeconds, maxUses } = c.req.valid("json");
    // A JWT counts whole seconds; the registry and the answer say the same as the token.
    const createdAt = Math.floor(Date.now() / 1000) * 1000;
    const enrolment = { id: randomId(), name, maxUses, createdAt, expiresAt: createdAt + ttlSeconds * 1000 };
    await insertEnrolment(c.env.DB, enrolment);
    const token = await mintEnrolmentToken(c.env.JWT_SECRET, enrolment.id, enrolment.expiresAt);
    return c.json({ ...enrolment, token }, 201);
  },
);
