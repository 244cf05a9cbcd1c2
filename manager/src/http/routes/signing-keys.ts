/**
 * `/api/admin/signing-keys`: how far a change of JWT_SECRET has come. It tells which key each hub signs with, and which
 * agents still have a token of another key. Ids of keys do not reveal the secrets.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { askEveryHub } from "../../hubs.ts";
import { countByKey, listAgentsOfOtherKeys } from "../../registry/token-keys.ts";
import { signingKeyIds } from "../../tokens.ts";
import { nextPage, pageHeaders } from "../paging.ts";
import { errorResponse, json, newRouter } from "../router.ts";

const keyId = z.string().nullable();

const Keys = z
  .object({
    current: z.string().openapi({ description: "The key of JWT_SECRET" }),
    previous: keyId.openapi({ description: "The key of JWT_SECRET_PREVIOUS; null if there is none" }),
    hubs: z.array(
      z.object({
        name: z.string(),
        current: keyId.openapi({ description: "The key that the hub signs with; null if it cannot say" }),
      }),
    ),
    agents: z.array(z.object({ keyId: keyId.openapi({ description: "Null if it is not known" }), agents: z.int() })),
  })
  .openapi("SigningKeys");

const AgentOfAnotherKey = z
  .object({
    id: z.string(),
    name: z.string(),
    hostname: z.string(),
    status: z.enum(["online", "offline"]).openapi({ description: "As the registry has it" }),
    lastSeen: z.int().nullable(),
    keyId,
  })
  .openapi("AgentOfAnotherKey");

const Listing = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  cursor: z.string().max(64).default("").openapi({ description: "From the Link header of the previous page" }),
});

const unauthorized = errorResponse("unauthorized");

export const signingKeys = newRouter()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/admin/signing-keys",
      summary: "The keys that sign tokens, in the Worker and in each hub, and how many agents have a token of each",
      responses: { 200: json("The keys", Keys), 401: unauthorized },
    }),
    async (c) => {
      const [keys, hubs, agents] = await Promise.all([
        signingKeyIds(c.env),
        askEveryHub(c.env, async (hub) => hub.signingKey()),
        countByKey(c.env.DB),
      ]);
      return c.json({ ...keys, hubs: [...hubs].map(([name, current]) => ({ name, current })), agents }, 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/admin/signing-keys/agents",
      summary: "Agents whose token is not of the current key, or not known to be",
      request: { query: Listing },
      responses: {
        200: { ...json("The agents, by id", z.array(AgentOfAnotherKey)), headers: pageHeaders },
        400: errorResponse("invalid_request"),
        401: unauthorized,
      },
    }),
    async (c) => {
      const { limit, cursor } = c.req.valid("query");
      const { current } = await signingKeyIds(c.env);
      const agents = await listAgentsOfOtherKeys(c.env.DB, current, { after: cursor, limit });
      if (agents.length === limit) c.header("Link", nextPage(c.req.url, agents[agents.length - 1]?.id ?? ""));
      return c.json(agents, 200);
    },
  );
