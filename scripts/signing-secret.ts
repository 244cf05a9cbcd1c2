import { changeSigningSecret, finishSigningSecret, replaceSigningSecret } from "./deploy/signing-secret.ts";
import { ownTerminal } from "./deploy/terminal.ts";
import { command } from "./stack/command.ts";
import { isSet } from "./stack/settings.ts";

await command(async () => {
  const { FINISH, FORCE, LEAKED } = process.env;
  if (isSet(FINISH)) await finishSigningSecret(ownTerminal, { force: isSet(FORCE) });
  else if (isSet(LEAKED)) await replaceSigningSecret(ownTerminal);
  else await changeSigningSecret(ownTerminal);
  return 0;
});
