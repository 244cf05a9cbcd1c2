import { build, release } from "./deploy/build.ts";
import { restore } from "./deploy/restore.ts";
import { ownTerminal } from "./deploy/terminal.ts";
import { command } from "./stack/command.ts";
import { UserError } from "./stack/user-error.ts";

await command(async () => {
  const { FILE: file } = process.env;
  if (!file) throw new UserError("say which export to restore: make restore FILE=zedops.sql");
  await restore(ownTerminal, { file, build, release: await release() });
  return 0;
});
