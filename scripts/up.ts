import { setTimeout as pause } from "node:timers/promises";
import { Admin } from "./stack/admin.ts";
import { enrolledId, followLocalManager, startAgent } from "./stack/agent.ts";
import { describeEnding } from "./stack/child.ts";
import { command } from "./stack/command.ts";
import { Complaint } from "./stack/complaint.ts";
import { localPassword } from "./stack/dev-vars.ts";
import { startManager } from "./stack/manager.ts";
import { localUrl, readSettings, type Settings } from "./stack/settings.ts";
import { outwardAddresses } from "./stack/this-machine.ts";

const ONLINE_WITHIN_MS = 30_000;
const POLL_MS = 100;

await command(async (stack) => {
  const given = readSettings();
  const managerUrl = localUrl(given.host, given.port);
  const settings = { ...given, managerUrl };

  // Until everything runs, output matters only where something fails, and is shown then.
  let running = false;
  const follow = (name: string) => (line: string) => {
    if (running) console.log(`${name.padEnd(7)} │ ${line}`);
  };

  console.log("zedops: starting the manager");
  const manager = await startManager(stack, settings, follow("manager"));

  console.log("zedops: starting the agent");
  const password = await localPassword();
  if (password === undefined) throw new Complaint("manager/.dev.vars has lost its ADMIN_PASSWORD");
  // Not the one of the environment, which may be that of another manager.
  const admin = new Admin(new URL(managerUrl), password);
  await followLocalManager(settings.stateDir, managerUrl);
  const agent = await startAgent(stack, settings, async () => admin, follow("agent"));

  const dead = Promise.race(
    [manager, agent].map(async (child) => {
      const ending = describeEnding(await child.ended);
      throw new Complaint(`the ${child.name} ended with ${ending}${running ? "" : `:\n${child.tail}`}`);
    }),
  );
  await Promise.race([dead, untilOnline(admin, settings.stateDir)]);

  console.log(`
  Agent online ✓

  Dashboard  ${managerUrl}${forOtherHosts(settings)}
  User       admin
  Password   ${password}

  Ctrl-C stops the manager and the agent.
`);
  running = true;
  return await dead;
});

/** Where agents on other hosts find a manager that listens on all addresses. */
function forOtherHosts({ host, port }: Settings): string {
  if (!["0.0.0.0", "::"].includes(host)) return "";
  return outwardAddresses()
    .map((address) => `\n  For agents ${localUrl(address, port)}`)
    .join("");
}

async function untilOnline(admin: Admin, stateDir: string): Promise<void> {
  const deadline = performance.now() + ONLINE_WITHIN_MS;
  while (performance.now() < deadline) {
    const id = await enrolledId(stateDir);
    if (id !== undefined && (await admin.agents()).some((agent) => agent.id === id && agent.status === "online"))
      return;
    await pause(POLL_MS);
  }
  throw new Complaint("the agent did not come online");
}
