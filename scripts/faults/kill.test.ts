import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Lab } from "../e2e/lab.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { Outage } from "./outage.ts";
import { Random } from "./random.ts";
import { lastRetryWait } from "./retry-wait.ts";
import { BUSY_MS, full, managerVars, periods } from "./timing.ts";
import { Traffic } from "./traffic.ts";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`kills: SEED=${seed} repeats them`);

/** What the host is doing when the victim dies. Each starts an activity and returns a function that ends it. */
const occasions = {
  enrolling: async (_lab: Lab, host: Host) => {
    await host.start();
    return async () => {};
  },
  talking: async (lab: Lab, host: Host) => {
    const traffic = new Traffic(lab, await host.id());
    return () => traffic.stop();
  },
  rotating: async (lab: Lab, host: Host) => {
    // It may succeed or fail.
    const rotation = lab.admin.call("POST", `/api/agents/${await host.id()}/rotate`).catch(() => {});
    return async () => void (await rotation);
  },
};

/** Longer than any of these takes. */
const LATEST_KILL_MS = 200;

const random = new Random(seed);
const kills = Array.from({ length: full ? 200 : 20 }, (_, index) => ({
  number: index + 1,
  // Agents more often, because an agent starts at once and a manager takes seconds.
  victim: random.pick(["agent", "agent", "agent", "manager", "both"]),
  occasion: random.pick(["enrolling", "talking", "rotating"]),
  afterMs: random.below(LATEST_KILL_MS),
}));

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("hosts", { scope: "file" }, async ({}) => {
    const hosts: Host[] = [];
    return hosts;
  });

test("a killed agent is offline at once, and online again as it is started", async ({
  task,
  lab,
  manager: _,
  hosts,
}) => {
  const host = await enrolled(lab, hosts);
  const outage = await Outage.begin(task, lab, host, "kill -9 of the agent");
  await host.kill();
  await outage.untilOffline(full ? 1_000 : BUSY_MS);
  await host.start();
  outage.end();
  await outage.untilRecovered();
  await host.stop();
});

test("a killed manager is noticed at once, and its agents are back soon after it", async ({
  task,
  lab,
  manager: _,
  hosts,
}) => {
  const host = await enrolled(lab, hosts);
  const outage = await Outage.begin(task, lab, host, "kill -9 of the manager");
  await lab.killManager();
  await outage.untilNoticed(full ? 1_000 : BUSY_MS);
  await lab.startManager(managerVars(periods));
  outage.end();
  expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.log) + BUSY_MS);
  await host.stop();
});

test.for(kills)(
  "kill $number: $victim, while $occasion, after $afterMs ms",
  async (kill, { lab, manager: _, hosts }) => {
    const host = kill.occasion === "enrolling" ? await recruit(lab, hosts) : await enrolled(lab, hosts, kill.number);
    const finish = await occasions[kill.occasion](lab, host);
    await pause(kill.afterMs);
    await Promise.all([kill.victim !== "manager" && host.kill(), kill.victim !== "agent" && lab.killManager()]);
    if (kill.victim !== "manager") await host.start();
    if (kill.victim !== "agent") await lab.startManager(managerVars(periods));
    await finish();

    await expectInvariants(lab, hosts);
    // The next kill begins with an agent that has not failed before.
    await host.stop();
  },
);

/** A host that has not enrolled yet. */
async function recruit(lab: Lab, hosts: Host[]): Promise<Host> {
  const host = new Host(lab, { token: await lab.admin.mintToken({}) });
  hosts.push(host);
  return host;
}

/** A host that is enrolled and online. Hosts take turns, because the rate limit is 30 connections a minute for each. */
async function enrolled(lab: Lab, hosts: Host[], turn = 0): Promise<Host> {
  const host = hosts[turn % hosts.length] ?? (await recruit(lab, hosts));
  await host.start();
  await expectInvariants(lab, [host]);
  return host;
}
