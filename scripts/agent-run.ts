import { Admin } from "./stack/admin.ts";
import { startAgent } from "./stack/agent.ts";
import { command } from "./stack/command.ts";
import { readSettings } from "./stack/settings.ts";

await command(async (stack) => {
  const settings = readSettings();
  const administrator = () => Admin.fromEnvironment(settings.managerUrl);
  const agent = await startAgent(stack, settings, administrator, { onLine: (line) => console.error(line) });
  const ending = await agent.ended;
  if (ending instanceof Error) throw ending;
  return typeof ending === "number" ? ending : 1;
});
