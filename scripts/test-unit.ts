import { command } from "./stack/command.ts";
import { runTwoAtATime } from "./suites/jobs.ts";
import { unitJobs } from "./suites/unit.ts";

await command(async (stack) => {
  const { passed, failed } = await runTwoAtATime(unitJobs(stack, { race: false, workerd: false }));
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
