import { availableParallelism } from "node:os";
import { runQuietly } from "../stack/foreground.ts";
import { root } from "../stack/repository.ts";
import type { Stack } from "../stack/stack.ts";
import { type Check, runCheck, runOwnCheck } from "./check.ts";
import { checkCounterparts } from "./counterparts.ts";
import { runGoTest } from "./go-test.ts";
import { checkTree } from "./imports.ts";
import type { Job } from "./jobs.ts";
import { trees } from "./layers.ts";
import { say } from "./process.ts";
import { runVitest } from "./vitest.ts";

/**
 * Checks and tests that start no manager, no agent and no browser. The longest come first, so that they overlap.
 * `workerd` adds the manager's tests that run inside its runtime, which take most of the time.
 */
export function unitJobs(stack: Stack, { race, workerd }: { race: boolean; workerd: boolean }): Job[] {
  const check = (name: string, folder: string, title: string, file: string, ...args: string[]) => {
    const options: Check = { name, folder, title, file, args };
    return () => runCheck(stack, options);
  };
  // Vitest leaves one core to itself by default, and on a machine with two runs one file at a time.
  const vitest =
    (folder: string, ...args: string[]) =>
    () =>
      runVitest(stack, folder, folder, { args: [`--maxWorkers=${availableParallelism()}`, ...args] });
  return [
    () => runGoTest(stack, "agent", "agent", ...(race ? ["-race"] : [])),
    vitest("manager", ...(workerd ? [] : ["--project", "unit"])),
    vitest("ui"),
    vitest("scripts"),
    check("agent", "agent", "staticcheck", "go", "tool", "staticcheck", "./..."),
    check("agent", "agent", "go vet", "go", "vet", "./..."),
    () =>
      runCheck(stack, {
        name: "agent",
        folder: "agent",
        title: "gofmt",
        file: "gofmt",
        args: ["-l", "."],
        mustBeSilent: true,
      }),
    check("manager", "manager", "types and generated types", "npm", "run", "--silent", "check"),
    check("ui", "ui", "types", "npm", "run", "--silent", "check"),
    check("scripts", "scripts", "types", "tsc"),
    check("all", ".", "lint and format", "biome", "check", "."),
    () =>
      runOwnCheck("all", "imports go down only", async () =>
        (await Promise.all(trees.map((tree) => checkTree(root, tree)))).flat(),
      ),
    () => runOwnCheck("all", "counterparts export the same names", () => checkCounterparts(root)),
  ];
}

/** Whether the race detector can run: it is linked with C code. */
export async function canDetectRaces(): Promise<boolean> {
  const { ok } = await runQuietly("agent", "sh", "-c", 'command -v "$(go env CC)"');
  if (!ok) say("agent", "no C compiler here: the tests run without the race detector");
  return ok;
}
