import { defineConfig } from "vitest/config";

/** Those with a fleet of agents, which take the whole machine. */
const fleets = ["drain.test.ts", "herd.test.ts", "shards.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "hosts",
          include: ["*.test.ts"],
          exclude: fleets,
          // Faults are mostly waiting: files run side by side, each with a manager of its own, and so do the tests of a path.
          maxWorkers: 3,
          maxConcurrency: 16,
          testTimeout: 240_000,
          hookTimeout: 90_000,
        },
      },
      {
        test: {
          name: "fleets",
          include: fleets,
          // After the others, one at a time.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 400_000,
          hookTimeout: 90_000,
        },
      },
    ],
  },
});
