/** `make rollback`: the version of the release before serves again. The database stays as it is; that release can read it. */
import { untilHealthy } from "./checks.ts";
import { callRoll, RESET_WITHIN_MS, sayCost } from "./fleet.ts";
import { managerUrl } from "./keepsake.ts";
import { findTarget } from "./target.ts";
import { step, type Terminal } from "./terminal.ts";
import { findEarlierVersion } from "./worker.ts";
import { runWrangler } from "./wrangler.ts";

export async function rollBack(terminal: Terminal, { watch = false } = {}): Promise<void> {
  const target = await findTarget(terminal);
  const { from, to } = await step(terminal, "Looking for the release before", () => findEarlierVersion(target));
  const url = await managerUrl(target);
  const password = terminal.env.ADMIN_PASSWORD || undefined;
  const before = await callRoll(url, password);
  await step(terminal, `Going back from release ${from.release} to release ${to.release} of ${to.createdOn}`, () => {
    const message = `back to release ${to.release}`;
    return runWrangler(target.terminal, ["rollback", to.id, "--yes", "--message", message, "--name", target.name]);
  });
  await step(terminal, `Waiting for ${url}/healthz`, () => untilHealthy(url));
  await step(terminal, "Looking at the fleet", () =>
    sayCost(terminal, url, password, before, watch ? RESET_WITHIN_MS : 0),
  );
}
