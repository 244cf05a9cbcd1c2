import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { describeEnding } from "./child.ts";
import type { Release } from "./release.ts";
import { inRepository, projectEnvironment } from "./repository.ts";
import type { Stack } from "./stack.ts";
import { UserError } from "./user-error.ts";

const Report = z.object({
  testResults: z.tuple([
    z.object({
      assertionResults: z.array(
        z.object({ meta: z.record(z.string(), z.unknown()), failureMessages: z.array(z.string()) }),
      ),
    }),
  ]),
});

/** Runs one test file of a release's manager, and returns what its tests have put into their `meta`. */
export async function runManagerTest(stack: Stack, release: Release, file: string): Promise<Record<string, unknown>[]> {
  const report = join(release.dir, `${file.replaceAll("/", "-")}.json`);
  const vitest = inRepository("node_modules/vitest/vitest.mjs");
  const run = stack.start({
    name: "vitest",
    file: process.execPath,
    args: [vitest, "run", file, "--reporter=json", `--outputFile.json=${report}`],
    cwd: join(release.dir, "manager"),
    env: projectEnvironment(),
  });
  const ending = await run.ended;
  const read = await readFile(report, "utf8").catch(() => undefined);
  const results = read === undefined ? [] : Report.parse(JSON.parse(read)).testResults[0].assertionResults;
  if (ending === 0) return results.map(({ meta }) => meta);
  const failures = results.flatMap(({ failureMessages }) => failureMessages);
  throw new UserError(
    [`${file} of ${release.commit} ended with ${describeEnding(ending)}`, ...failures, run.tail].join("\n"),
  );
}

/** Has the manager of a release dump what it stores; scripts/write-fixtures.ts says what is in it. */
export async function dumpStored(stack: Stack, release: Release): Promise<Record<string, unknown>> {
  const file = "test/write-fixtures.test.ts";
  await copyFile(inRepository("manager/test/write-fixtures.ts"), join(release.dir, "manager", file));
  const [meta] = await runManagerTest(stack, release, file);
  const { dump } = z.object({ dump: z.string() }).parse(meta);
  return z.record(z.string(), z.unknown()).parse(JSON.parse(dump));
}
