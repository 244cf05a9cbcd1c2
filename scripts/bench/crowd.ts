/**
 * Measures what a crowd does to an honest agent: how long its echo takes while others misuse one token.
 *
 *   node scripts/bench/crowd.ts       against a manager of its own
 *   node scripts/bench/crowd.ts URL   against one that runs, such as that of another version, with ADMIN_PASSWORD in the environment
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Lab } from "../e2e/lab.ts";
import { Admin } from "../stack/admin.ts";
import { type Crowd, Member } from "./crowd-member.ts";

/** For how long echoes are measured, one after the other. */
const MEASURED_MS = 15_000;
/** The wait after each echo. With a shorter one the honest agent would exceed its own budget of 25 messages a second. */
const ECHO_EVERY_MS = 50;

const CROWDS: readonly (Crowd & { title: string })[] = [
  { title: "nobody", sockets: 0, perSecond: 0, registered: false },
  { title: "200 sockets of one unspent token, 95 messages/s each", sockets: 200, perSecond: 95, registered: false },
  { title: "200 sockets of one unspent token, at full speed", sockets: 200, perSecond: 0, registered: false },
  { title: "20 registered agents, 95 messages/s each", sockets: 20, perSecond: 95, registered: true },
  { title: "1 registered agent at full speed", sockets: 1, perSecond: 0, registered: true },
  { title: "5 registered agents at full speed", sockets: 5, perSecond: 0, registered: true },
];

const [url] = process.argv.slice(2);
if (url !== undefined) await measure(url, await Admin.fromEnvironment(url));
else {
  const lab = await Lab.open();
  try {
    await lab.startManager();
    await measure(lab.url, lab.admin);
  } finally {
    await lab.close();
  }
}

async function measure(url: string, admin: Admin): Promise<void> {
  console.log("| crowd | sockets let in | echoes | median | 99 % | worst |");
  console.log("|---|---|---|---|---|---|");
  for (const { title, ...crowd } of CROWDS) {
    const honest = await Member.open(url, await admin.mintToken({ name: "honest" }));
    await honest.register();
    const token = await admin.mintToken({ maxUses: crowd.registered ? crowd.sockets : 1 });
    const crowdProcess = fork(fileURLToPath(new URL("crowd-process.ts", import.meta.url)), {
      env: { CROWD: JSON.stringify({ url, token, ...crowd }) },
    });
    const [letIn] = await once(crowdProcess, "message");
    const times: number[] = [];
    const end = performance.now() + MEASURED_MS;
    while (performance.now() < end) {
      // One that is not answered in time counts with the time that it has taken by then.
      const left = end - performance.now();
      times.push(await Promise.race([honest.echo(), setTimeout(left, left)]));
      await setTimeout(ECHO_EVERY_MS);
    }
    crowdProcess.kill("SIGKILL");
    await once(crowdProcess, "exit");
    honest.close();
    times.sort((a, b) => a - b);
    const at = (part: number) => `${times[Math.min(times.length - 1, Math.floor(times.length * part))]?.toFixed(1)} ms`;
    console.log(`| ${title} | ${letIn} | ${times.length} | ${at(0.5)} | ${at(0.99)} | ${at(1)} |`);
    // The manager and the machine come to rest.
    await setTimeout(10_000);
  }
}
