import { changePassword } from "./deploy/password.ts";
import { ownTerminal } from "./deploy/terminal.ts";
import { command } from "./stack/command.ts";

await command(async () => {
  await changePassword(ownTerminal);
  return 0;
});
