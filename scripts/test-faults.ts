import { command } from "./stack/command.ts";
import { ensureDevVars } from "./stack/dev-vars.ts";
import { runFaults } from "./suites/faults.ts";

await command(async (stack) => {
  await ensureDevVars();
  const { passed, failed } = await runFaults(stack, process.argv.includes("--full") ? "full" : "short");
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
