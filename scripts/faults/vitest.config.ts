import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*.test.ts"],
    // Faults are mostly waiting: files run side by side, each with a manager of its own, and so do the tests of a path.
    maxWorkers: 3,
    maxConcurrency: 16,
    testTimeout: 240_000,
    hookTimeout: 90_000,
  },
});
