import { command } from "./stack/command.ts";
import { ensureDevVars } from "./stack/dev-vars.ts";
import { runQuietly } from "./stack/foreground.ts";
import type { Stack } from "./stack/stack.ts";
import { runCheck } from "./suites/check.ts";
import { runFaults } from "./suites/faults.ts";
import { runGoTest } from "./suites/go-test.ts";
import { type Outcome, sum } from "./suites/outcome.ts";
import { say } from "./suites/process.ts";
import { runVitest } from "./suites/vitest.ts";

await command(async (stack) => {
  // Before the suites start, some of which read it: a file that appears meanwhile restarts a development server.
  await ensureDevVars();
  // Two at a time; the end-to-end tests and the faults come last, on a machine that is theirs, and use what was built before.
  const halves = await Promise.all([testAgent(stack), testWorkspaces(stack)]);
  const total = sum([...halves, await runVitest(stack, "e2e", "scripts/e2e"), await runFaults(stack, "short")]);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});

async function testAgent(stack: Stack): Promise<Outcome> {
  const check = (title: string, file: string, ...args: string[]) =>
    runCheck(stack, { name: "agent", folder: "agent", title, file, args });
  const race = await hasCCompiler();
  if (!race) say("agent", "no C compiler here: the tests run without the race detector");
  return sum([
    await check("build", "make", "-C", "..", "agent"),
    await runCheck(stack, {
      ...{ name: "agent", folder: "agent", title: "gofmt", file: "gofmt", args: ["-l", "."] },
      mustBeSilent: true,
    }),
    await check("go vet", "go", "vet", "./..."),
    await check("staticcheck", "go", "tool", "staticcheck", "./..."),
    await runGoTest(stack, "agent", "agent", ...(race ? ["-race"] : [])),
  ]);
}

async function testWorkspaces(stack: Stack): Promise<Outcome> {
  const check = (name: string, folder: string, title: string, file: string, ...args: string[]) =>
    runCheck(stack, { name, folder, title, file, args });
  return sum([
    await check("all", ".", "lint and format", "biome", "check", "."),
    await check("scripts", "scripts", "types", "tsc"),
    await check("ui", "ui", "types", "npm", "run", "--silent", "check"),
    await check("ui", "ui", "build", "make", "-C", "..", "ui"),
    await check("manager", "manager", "types and generated types", "npm", "run", "--silent", "check"),
    await check("manager", "manager", "deployment, dry", "npm", "run", "--silent", "build"),
    await runVitest(stack, "scripts", "scripts"),
    await runVitest(stack, "ui", "ui"),
    await runVitest(stack, "manager", "manager"),
  ]);
}

/** The race detector is linked with C code. */
async function hasCCompiler(): Promise<boolean> {
  return (await runQuietly("agent", "sh", "-c", 'command -v "$(go env CC)"')).ok;
}
