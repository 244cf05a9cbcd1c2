import { defineConfig } from "vitest/config";

/** These measure durations, so nothing runs beside them. */
const timed = ["live.test.ts", "presence.test.ts", "reconnection.test.ts", "revocation.test.ts", "up.test.ts"];

const common = {
  testTimeout: 120_000,
  hookTimeout: 60_000,
  // The default time limit of a poll. A busy machine needs more than vitest's one second.
  expect: { poll: { timeout: 30_000 } },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: "e2e",
          include: ["*.test.ts"],
          exclude: timed,
          // Each file has its own manager and mostly waits for it.
          maxWorkers: 2,
        },
      },
      {
        test: { ...common, name: "e2e, timed", include: timed, sequence: { groupOrder: 1 }, fileParallelism: false },
      },
    ],
  },
});
