import { command } from "./stack/command.ts";
import { ensureDevVars } from "./stack/dev-vars.ts";
import { root } from "./stack/repository.ts";
import { checkBundle } from "./suites/bundle.ts";
import { runCheck, runOwnCheck } from "./suites/check.ts";
import { runFaults } from "./suites/faults.ts";
import { runTwoAtATime } from "./suites/jobs.ts";
import { sum, verdict } from "./suites/outcome.ts";
import { canDetectRaces, unitJobs } from "./suites/unit.ts";
import { runVitest } from "./suites/vitest.ts";

await command(async (stack) => {
  // Before the suites start, some of which read it: a file that appears later restarts a development server.
  await ensureDevVars();
  const make = (name: string, title: string, target: string) => () =>
    runCheck(stack, { name, folder: ".", title, file: "make", args: [target] });
  const total = sum([
    // First, because the other suites use the results.
    await runTwoAtATime([make("agent", "build", "agent"), make("ui", "build", "ui")]),
    await runTwoAtATime([
      () => runVitest(stack, "deploy", "scripts/rehearsal"),
      ...unitJobs(stack, { race: await canDetectRaces(), workerd: true }),
      async () => {
        const deployment = await runCheck(stack, {
          ...{ name: "manager", folder: "manager", title: "deployment, dry" },
          ...{ file: "npm", args: ["run", "--silent", "build"] },
        });
        return sum([deployment, await runOwnCheck("manager", "size of the bundle", () => checkBundle(root))]);
      },
    ]),
    // Last and one after the other: these measure times, so they have the machine for themselves.
    await runVitest(stack, "install", "scripts/install"),
    await runVitest(stack, "e2e", "scripts/e2e"),
    await runFaults(stack, "short"),
  ]);
  console.log(verdict(total));
  return total.failures.length === 0 ? 0 : 1;
});
