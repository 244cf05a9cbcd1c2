import { mkdirSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// wrangler.jsonc names the dashboard's files; these tests run without it having been built.
mkdirSync(new URL("../ui/dist", import.meta.url), { recursive: true });

/** Tests inside workerd, with real Durable Objects and a real D1. */
function project(name: string, include: string, vars: Record<string, string> = {}) {
  return {
    plugins: [
      cloudflareTest(async () => ({
        wrangler: { configPath: "./wrangler.jsonc" },
        miniflare: {
          bindings: {
            ADMIN_PASSWORD: "correct horse battery",
            JWT_SECRET: "a key of at least thirty-two characters",
            MIGRATIONS: await readD1Migrations(new URL("migrations", import.meta.url).pathname),
            ...vars,
          },
        },
      })),
    ],
    // Golden vectors may hold lone surrogates, which only JSON.parse takes as they are.
    json: { stringify: true },
    test: { name, include: [include], setupFiles: ["test/migrate.ts"], testTimeout: 180_000 },
  };
}

export default defineConfig({
  test: {
    projects: [
      // Tests of one file, beside it: they need no Worker.
      {
        json: { stringify: true },
        test: { name: "unit", include: ["src/**/*.test.ts"], environment: "node", testTimeout: 180_000 },
      },
      project("workerd", "test/*.test.ts"),
      // No agent of these tests beats, and a slow machine must not make them lose their leases.
      project("four hubs", "test/shards/*.test.ts", { HUB_SHARDS: "4", LEASE_MS: "3600000" }),
    ],
  },
});
