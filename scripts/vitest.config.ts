import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["*.test.ts", "bench/**/*.test.ts", "stack/**/*.test.ts", "suites/**/*.test.ts"] },
});
