import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";
import { inRepository } from "../stack/repository.ts";
import type { Stack } from "../stack/stack.ts";
import { type Outcome, settle } from "./outcome.ts";
import { type ProcessOptions, runProcess } from "./process.ts";

const Report = z.object({
  testResults: z.array(
    z.object({
      /** The file's path. */
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

/** Runs the vitest project in a folder and reads vitest's own report. */
export async function runVitest(
  stack: Stack,
  name: string,
  folder: string,
  { args = [], env = {} }: Partial<Pick<ProcessOptions, "args" | "env">> = {},
): Promise<Outcome> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), "zedops-test-"));
  const report = join(scratch.path, "report.json");
  const succeeded = await runProcess(stack, {
    name,
    folder,
    file: process.execPath,
    // vitest writes into a pipe and cannot know whether the output ends on a terminal.
    env: { ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }), ...env },
    args: [
      ...[inRepository("node_modules/vitest/vitest.mjs"), "run", ...args],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    ],
  });
  return settle(name, await readReport(name, report), succeeded);
}

/** Counts the tests of a report. Without a report, nothing ran. A file that could not be loaded is one failure. */
async function readReport(name: string, file: string): Promise<Outcome> {
  const json = await readFile(file, "utf8").catch(() => undefined);
  if (json === undefined) return { passed: 0, failures: [] };
  const { testResults } = Report.parse(JSON.parse(json));
  const tests = testResults.flatMap((result) => result.assertionResults);
  return { passed: tests.filter(({ status }) => status === "passed").length, failures: testResults.flatMap(failures) };

  function failures({ name: path, status, message, assertionResults }: (typeof testResults)[number]): string[] {
    const tell = (title: string, reason = "") => `${name}: ${basename(path)}: ${title}: ${reason.split("\n", 1)[0]}`;
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length > 0) return failed.map(({ fullName, failureMessages }) => tell(fullName, failureMessages[0]));
    return status === "failed" ? [tell("could not be loaded", message)] : [];
  }
}
