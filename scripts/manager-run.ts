import { describeEnding } from "./stack/child.ts";
import { command } from "./stack/command.ts";
import { startManager } from "./stack/manager.ts";
import { localUrl, readSettings } from "./stack/settings.ts";

await command(async (stack) => {
  const settings = readSettings();
  const manager = await startManager(stack, settings, (line) => console.log(line));
  console.log(`zedops: the manager serves ${localUrl(settings.host, settings.port)}; Ctrl-C stops it`);
  const ending = await manager.ended;
  console.error(`zedops: the manager ended with ${describeEnding(ending)}`);
  return 1;
});
