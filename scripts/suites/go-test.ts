import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Stack } from "../stack/stack.ts";
import { type Outcome, settle } from "./outcome.ts";
import { runProcess } from "./process.ts";

/** The end of a test, or of a package if `Test` is absent: a line of gotestsum's file; see `go doc test2json`. */
const End = z.object({
  Action: z.enum(["pass", "fail", "skip"]),
  Package: z.string(),
  Test: z.string().optional(),
});
type End = z.infer<typeof End>;

/**
 * Runs the agent's tests and counts them. gotestsum prints a line per package, and at the end the output of failures.
 */
export async function runGoTest(stack: Stack, name: string, folder: string, ...args: string[]): Promise<Outcome> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), "zedops-test-"));
  const file = join(scratch.path, "ends.json");
  const succeeded = await runProcess(stack, {
    name,
    folder,
    file: "go",
    args: ["tool", "gotestsum", "--format=pkgname", `--jsonfile-timing-events=${file}`, "--", ...args, "./..."],
  });
  // No file: nothing ran.
  const lines = (await readFile(file, "utf8").catch(() => "")).trim().split("\n").filter(Boolean);
  return settle(
    name,
    countTests(
      name,
      lines.map((line) => End.parse(JSON.parse(line))),
    ),
    succeeded,
  );
}

/**
 * Counts tests, without those that only group others. A group or a package that failed although none of its tests did,
 * because it crashed for example, is one failure.
 */
export function countTests(name: string, ends: readonly End[]): Outcome {
  const groups = new Set(ends.flatMap(groupsOf));
  const failed = ends.filter(({ Action }) => Action === "fail");
  const failedGroups = new Set(failed.flatMap(groupsOf));
  return {
    passed: ends.filter((end) => end.Action === "pass" && end.Test !== undefined && !groups.has(idOf(end))).length,
    failures: failed
      .map(idOf)
      .filter((id) => !failedGroups.has(id))
      .map((id) => `${name}: ${id}`),
  };
}

function idOf({ Package, Test }: Pick<End, "Package" | "Test">): string {
  return Test === undefined ? Package : `${Package}.${Test}`;
}

/** The ids of everything that contains it: its package, and the tests above a subtest. */
function groupsOf({ Package, Test }: End): string[] {
  if (Test === undefined) return [];
  const names = Test.split("/").slice(0, -1);
  return [Package, ...names.map((_, index) => idOf({ Package, Test: names.slice(0, index + 1).join("/") }))];
}
