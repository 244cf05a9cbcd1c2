/** `GET /healthz`: whether the manager serves, and how many transitions are parked. It wakes no hub. */
import { Hono } from "hono";
import { countParked } from "../../registry/hubs.ts";
import { RegistryUnavailable } from "../../registry/query.ts";
import type { App } from "../router.ts";

/** How long a count is shown before the registry is asked again. Anybody may call this route, so it must stay cheap. */
const FRESH_MS = 10_000;

let parked: { readonly count: number | null; readonly until: number } = { count: null, until: 0 };

export const health = new Hono<App>().get("/healthz", async (c) => {
  if (parked.until <= Date.now()) {
    const until = Date.now() + FRESH_MS;
    const count = await countParked(c.env.DB).catch((error) => {
      if (error instanceof RegistryUnavailable) return null;
      throw error;
    });
    parked = { count, until };
  }
  return c.json({ status: "ok", parkedTransitions: parked.count });
});
