/** `make admin-password`: a new admin password. Agents notice nothing; every dashboard has to log in again. */
import { setTimeout as pause } from "node:timers/promises";
import { Admin, WrongPassword } from "../stack/admin.ts";
import { UserError } from "../stack/user-error.ts";
import { managerUrl } from "./keepsake.ts";
import { newPassword } from "./secrets.ts";
import { findTarget } from "./target.ts";
import { step, type Terminal } from "./terminal.ts";
import { changeSecrets } from "./worker.ts";

const ACCEPTED_WITHIN_MS = 60_000;
const POLL_MS = 1_000;

export async function changePassword(terminal: Terminal): Promise<void> {
  const target = await findTarget(terminal);
  const url = await managerUrl(target);
  const password = await newPassword(terminal, "NEW_PASSWORD").value();
  await step(terminal, "Setting the admin password", () => changeSecrets(target, { ADMIN_PASSWORD: password }));
  await step(terminal, `Waiting until ${url} accepts it`, () => untilAccepted(new Admin(new URL(url), password)));
  terminal.say("   Every dashboard has to log in again. Agents notice nothing.");
}

async function untilAccepted(admin: Admin): Promise<void> {
  const deadline = performance.now() + ACCEPTED_WITHIN_MS;
  for (;;) {
    try {
      await admin.checkPassword();
      return;
    } catch (error) {
      if (!(error instanceof WrongPassword)) throw error;
      if (performance.now() > deadline)
        throw new UserError(
          "the manager does not accept the new password yet; log in with it in some minutes, or run the command again",
        );
    }
    await pause(POLL_MS);
  }
}
