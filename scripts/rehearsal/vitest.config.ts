import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*.test.ts"],
    // Each file has its own account and its own manager.
    maxWorkers: 2,
    // wrangler is started a hundred times.
    env: { NODE_COMPILE_CACHE: fileURLToPath(import.meta.resolve("../../node_modules/.cache/wrangler")) },
    testTimeout: 600_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
