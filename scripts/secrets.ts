import { command } from "./stack/command.ts";
import { ensureDevVars } from "./stack/dev-vars.ts";

await command(async () => {
  await ensureDevVars();
  return 0;
});
