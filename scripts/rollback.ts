import { rollBack } from "./deploy/rollback.ts";
import { ownTerminal } from "./deploy/terminal.ts";
import { command } from "./stack/command.ts";
import { isSet } from "./stack/settings.ts";

await command(async () => {
  await rollBack(ownTerminal, { watch: isSet(process.env.WATCH) });
  return 0;
});
