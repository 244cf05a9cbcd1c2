import { command } from "./stack/command.ts";
import { ensureDevVars } from "./stack/dev-vars.ts";
import { runFaults } from "./suites/faults.ts";
import { verdict } from "./suites/outcome.ts";

await command(async (stack) => {
  await ensureDevVars();
  const outcome = await runFaults(stack, process.argv.includes("--full") ? "full" : "short");
  console.log(verdict(outcome));
  return outcome.failures.length === 0 ? 0 : 1;
});
