import { build, release } from "./deploy/build.ts";
import { deploy } from "./deploy/deploy.ts";
import { ownTerminal } from "./deploy/terminal.ts";
import { command } from "./stack/command.ts";
import { isSet } from "./stack/settings.ts";

await command(async () => {
  const { env } = process;
  const watch = isSet(env.WATCH) || process.argv.includes("--watch");
  await deploy(ownTerminal, { build, release: await release(), dryRun: isSet(env.DRY_RUN), watch });
  return 0;
});
