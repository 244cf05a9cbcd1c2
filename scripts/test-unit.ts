import { command } from "./stack/command.ts";
import { runTwoAtATime } from "./suites/jobs.ts";
import { verdict } from "./suites/outcome.ts";
import { unitJobs } from "./suites/unit.ts";

await command(async (stack) => {
  const outcome = await runTwoAtATime(unitJobs(stack, { race: false, workerd: false }));
  console.log(verdict(outcome));
  return outcome.failures.length === 0 ? 0 : 1;
});
