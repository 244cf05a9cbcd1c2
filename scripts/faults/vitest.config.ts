import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** These take longest, so they start first. */
const longest = ["kill.test.ts", "shards-killed.test.ts", "shards-stopped.test.ts"];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => longest.includes(basename(moduleId));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** These have a fleet that takes the whole machine. */
const fleets = ["drain.test.ts", "herd.test.ts"];

const common = {
  hookTimeout: 90_000,
  // The default time limit of a poll. A busy machine needs more than vitest's one second.
  expect: { poll: { timeout: 30_000 } },
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          name: "hosts",
          include: ["*.test.ts"],
          exclude: fleets,
          globalSetup: "releases-folder.ts",
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
