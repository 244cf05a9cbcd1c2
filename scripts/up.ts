import { setTimeout as pause } from "node:timers/promises";
import { Admin } from "./stack/admin.ts";
import { enrolledId, followLocalManager, REFUSED, startAgent } from "./stack/agent.ts";
import { type Child, describeEnding } from "./stack/child.ts";
import { command } from "./stack/command.ts";
import { localPassword } from "./stack/dev-vars.ts";
import { startManager } from "./stack/manager.ts";
import { agentRunCommand, agentUrls, localUrl, readSettings } from "./stack/settings.ts";
import { UserError } from "./stack/user-error.ts";

const ONLINE_WITHIN_MS = 30_000;
const POLL_MS = 100;

await command(async (stack) => {
  const given = readSettings();
  const managerUrl = localUrl(given.host, given.port);
  const settings = { ...given, managerUrl };

  // Until everything runs, output is shown only if something fails.
  let running = false;
  const follow = (name: string) => (line: string) => {
    if (running) console.log(`${name.padEnd(7)} │ ${line}`);
  };

  console.log("zedops: starting the manager");
  const manager = await startManager(stack, settings, { onLine: follow("manager") });

  console.log("zedops: starting the agent");
  const password = await localPassword();
  if (password === undefined) throw new UserError("manager/.dev.vars has no ADMIN_PASSWORD any more");
  // Not the password of the environment, which may be for another manager.
  const admin = new Admin(new URL(managerUrl), password);
  await followLocalManager(settings.stateDir, managerUrl);
  const agent = await startAgent(stack, settings, async () => admin, { onLine: follow("agent") });

  const died = async (child: Child): Promise<never> => {
    const ending = describeEnding(await child.ended);
    throw new UserError(`the ${child.name} ended with ${ending}${running ? "" : `:\n${child.tail}`}`);
  };
  // An operator may remove the agent. The manager keeps running for the other agents.
  const lost = async (): Promise<never> => {
    if ((await agent.ended) !== REFUSED || !running) return await died(agent);
    // At once, because another process may get its process id later.
    await agent.stop();
    const addOne = `to add one, in another terminal: ${agentRunCommand()}`;
    console.log(`zedops: the manager has removed or refused the agent, and runs on; ${addOne}`);
    return await died(manager);
  };
  const dead = Promise.race([died(manager), lost()]);
  await Promise.race([dead, untilOnline(admin, settings.stateDir)]);

  console.log(`
  Agent online ✓

  Dashboard  ${managerUrl}${agentUrls(given)
    .map((url) => `\n  For agents ${url}`)
    .join("")}
  User       admin, for curl; the dashboard asks for the password only
  Password   ${password}

  Ctrl-C stops the manager and the agent.
`);
  running = true;
  return await dead;
});

async function untilOnline(admin: Admin, stateDir: string): Promise<void> {
  const deadline = performance.now() + ONLINE_WITHIN_MS;
  while (performance.now() < deadline) {
    const id = await enrolledId(stateDir);
    if (id !== undefined && (await admin.agents()).some((agent) => agent.id === id && agent.status === "online"))
      return;
    await pause(POLL_MS);
  }
  throw new UserError("the agent did not come online");
}
