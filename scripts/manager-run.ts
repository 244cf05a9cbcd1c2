import { describeEnding } from "./stack/child.ts";
import { command } from "./stack/command.ts";
import { startManager } from "./stack/manager.ts";
import { agentUrls, localUrl, readSettings } from "./stack/settings.ts";
import { UserError } from "./stack/user-error.ts";

await command(async (stack) => {
  const settings = readSettings();
  const manager = await startManager(stack, settings, { onLine: (line) => console.log(line) });
  console.log(`zedops: the manager serves ${localUrl(settings.host, settings.port)}; Ctrl-C stops it`);
  for (const url of agentUrls(settings)) console.log(`zedops: agents on other hosts reach it at ${url}`);
  throw new UserError(`the manager ended with ${describeEnding(await manager.ended)}`);
});
