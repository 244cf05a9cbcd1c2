import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["*.test.ts", "{bench,bill,simulate,stack,suites}/**/*.test.ts"] },
});
