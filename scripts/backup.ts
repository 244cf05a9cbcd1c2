import { backUp } from "./deploy/backup.ts";
import { ownTerminal } from "./deploy/terminal.ts";
import { command } from "./stack/command.ts";

await command(async () => {
  await backUp(ownTerminal, process.env.FILE);
  return 0;
});
