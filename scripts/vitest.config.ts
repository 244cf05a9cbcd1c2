import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*.test.ts", "{bench,bill,simulate,stack,suites}/**/*.test.ts"],
    testTimeout: 60_000,
    // The default time limit of a poll. A busy machine needs more than vitest's one second.
    expect: { poll: { timeout: 30_000 } },
  },
});
