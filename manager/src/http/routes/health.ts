/** `GET /healthz`: whether the manager serves, and how many transitions are parked. It wakes no hub. */
import { Hono } from "hono";
import { countParked } from "../../registry/hubs.ts";
import { RegistryUnavailable } from "../../registry/query.ts";
import type { App } from "../router.ts";

/** How long a count is shown before the registry is asked again. Anybody may call this route, so it must stay cheap. */
const FRESH_MS = 10_000;

/** How long a caller waits for the registry. A slow registry must not make the manager look dead. */
const PATIENCE_MS = 1_000;

let count: number | null = null;
let askedAt = Number.NEGATIVE_INFINITY;

export const health = new Hono<App>().get("/healthz", async (c) => {
  if (askedAt + FRESH_MS <= Date.now()) {
    // Set before the registry is asked, so that callers at the same time ask it once.
    askedAt = Date.now();
    const asked = countParked(c.env.DB).then(
      (parked) => {
        count = parked;
      },
      (error) => {
        count = null;
        if (!(error instanceof RegistryUnavailable)) throw error;
      },
    );
    c.executionCtx.waitUntil(asked);
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  }
  return c.json({ status: "ok", parkedTransitions: count });
});
