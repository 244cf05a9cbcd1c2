import { mkdirSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// wrangler.jsonc names the dashboard's files; these tests run without it having been built.
mkdirSync(new URL("../ui/dist", import.meta.url), { recursive: true });

export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: "./wrangler.jsonc" },
      miniflare: {
        bindings: {
          ADMIN_PASSWORD: "correct horse battery",
          JWT_SECRET: "a key of at least thirty-two characters",
          MIGRATIONS: await readD1Migrations(new URL("migrations", import.meta.url).pathname),
        },
      },
    })),
  ],
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/migrate.ts"],
  },
});
