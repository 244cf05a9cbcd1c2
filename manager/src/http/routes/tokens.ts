/** `/api/admin/tokens`: enrolment tokens. */
import { createRoute, z } from "@hono/zod-openapi";
import { randomId } from "../../digest.ts";
import { Labels, Name } from "../../protocol/payloads.ts";
import {
  type EnrolmentUsage,
  findEnrolment,
  insertEnrolment,
  LISTED_AGENTS,
  listEnrolments,
  revokeEnrolment,
} from "../../registry/enrolments.ts";
import { mintEnrolmentToken } from "../../tokens.ts";
import { addressKey, count } from "../caller/limits.ts";
import { ApiError } from "../errors.ts";
import { body, errorResponse, json, newRouter } from "../router.ts";

const TokenRequest = z
  .strictObject({
    name: Name.optional(),
    ttlSeconds: z.int().min(60).max(2_592_000).default(3600),
    maxUses: z.int().min(1).max(10_000).default(1),
    labels: Labels.default([]).openapi({ description: "The labels of the agents that enrol with it" }),
  })
  .openapi("TokenRequest", { example: { name: "edge-7", ttlSeconds: 3600, maxUses: 1, labels: ["env=prod"] } });

const MintedToken = z
  .object({
    id: z.string(),
    token: z.string(),
    name: z.string().nullable(),
    maxUses: z.int(),
    labels: z.array(z.string()).readonly(),
    createdAt: z.int(),
    expiresAt: z.int(),
  })
  .openapi("MintedToken");

const Token = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    status: z.enum(["active", "used", "expired", "revoked"]),
    maxUses: z.int(),
    uses: z.int(),
    labels: z.array(z.string()).readonly(),
    createdAt: z.int(),
    expiresAt: z.int(),
    secondsLeft: z.int().openapi({ description: "0 unless it is active" }),
    revokedAt: z.int().nullable(),
    agents: z
      .array(z.object({ id: z.string(), name: z.string() }))
      .openapi({ description: `The latest ${LISTED_AGENTS} agents that enrolled with it, the newest first` }),
    lastRefusal: z
      .object({
        code: z.string().openapi({ example: "enrolment_used" }),
        at: z.int(),
        address: z.string().nullable(),
        hostname: z.string().nullable().openapi({ description: "Null if it was refused before it said its name" }),
      })
      .nullable()
      .openapi({ description: "The last host that showed the token and was refused" }),
  })
  .openapi("Token");

const tokenId = z.object({ id: z.string() });

export const tokens = newRouter()
  .openapi(
    createRoute({
      method: "post",
      path: "/api/admin/tokens",
      summary: "Mint an enrolment token",
      request: { body: body(TokenRequest) },
      responses: {
        201: json("Minted", MintedToken),
        400: errorResponse("invalid_request", "invalid_json"),
        401: errorResponse("unauthorized"),
        429: errorResponse("too_many_requests"),
      },
    }),
    async (c) => {
      await count(c.env.MINT_LIMIT, addressKey(c));
      const { name = null, ttlSeconds, maxUses, labels } = c.req.valid("json");
      // A JWT has whole seconds only. The registry and the answer use the same times as the token.
      const createdAt = Math.floor(Date.now() / 1000) * 1000;
      const enrolment = { id: randomId(), name, maxUses, labels, createdAt, expiresAt: createdAt + ttlSeconds * 1000 };
      await insertEnrolment(c.env.DB, c.get("operator"), enrolment);
      const token = await mintEnrolmentToken(c.env, enrolment.id, enrolment.expiresAt);
      return c.json({ ...enrolment, token }, 201);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/admin/tokens",
      summary: "List the latest enrolment tokens, the newest first; the tokens themselves are never shown",
      responses: { 200: json("The tokens", z.array(Token)), 401: errorResponse("unauthorized") },
    }),
    async (c) => {
      const now = Date.now();
      return c.json(
        (await listEnrolments(c.env.DB)).map((enrolment) => view(enrolment, now)),
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/admin/tokens/{id}",
      summary: "Show one enrolment token",
      request: { params: tokenId },
      responses: {
        200: json("The token", Token),
        401: errorResponse("unauthorized"),
        404: errorResponse("unknown_token"),
      },
    }),
    async (c) => {
      const enrolment = await findEnrolment(c.env.DB, c.req.valid("param").id);
      if (enrolment === null) throw unknownToken();
      return c.json(view(enrolment, Date.now()), 200);
    },
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/admin/tokens/{id}",
      summary: "Revoke an enrolment token; agents that enrolled with it stay",
      request: { params: tokenId },
      responses: {
        204: { description: "Revoked, now or before" },
        401: errorResponse("unauthorized"),
        404: errorResponse("unknown_token"),
      },
    }),
    async (c) => {
      const revoked = await revokeEnrolment(c.env.DB, c.get("operator"), c.req.valid("param").id);
      if (revoked === null) throw unknownToken();
      return c.body(null, 204);
    },
  );

function unknownToken(): ApiError {
  return new ApiError(404, "unknown_token", "there is no such enrolment token");
}

function view({ agents, ...enrolment }: EnrolmentUsage, now: number): z.infer<typeof Token> {
  const status = statusOf(enrolment, now);
  const secondsLeft = status === "active" ? Math.floor((enrolment.expiresAt - now) / 1000) : 0;
  return { ...enrolment, status, secondsLeft, agents: [...agents] };
}

function statusOf(enrolment: Omit<EnrolmentUsage, "agents">, now: number) {
  if (enrolment.revokedAt !== null) return "revoked";
  if (enrolment.uses >= enrolment.maxUses) return "used";
  return enrolment.expiresAt <= now ? "expired" : "active";
}
