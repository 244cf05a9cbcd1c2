import { defineConfig } from "vitest/config";

/** These have a fleet that takes the whole machine. */
const fleets = ["drain.test.ts", "herd.test.ts"];

const common = {
  hookTimeout: 90_000,
  // The default time limit of a poll. A busy machine needs more than vitest's one second.
  expect: { poll: { timeout: 10_000 } },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: "hosts",
          include: ["*.test.ts"],
          exclude: fleets,
          // Fault tests mostly wait, so files run side by side, each with its own manager.
          maxWorkers: 4,
          maxConcurrency: 16,
          testTimeout: 400_000,
        },
      },
      {
        test: {
          ...common,
          name: "fleets",
          include: fleets,
          // After the others, one at a time.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 400_000,
        },
      },
    ],
  },
});
