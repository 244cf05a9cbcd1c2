import { setTimeout as pause } from "node:timers/promises";
import type { Lab } from "../e2e/lab.ts";
import { full, managerVars, periods } from "./extent.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectTruth } from "./invariant.ts";
import { Random } from "./random.ts";
import { Traffic } from "./traffic.ts";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`kills: SEED=${seed} repeats them`);

/** What goes on as the victim dies. Each begins something on the host and returns how to end it. */
const occasions = {
  enrolling: async () => async () => {},
  talking: async (lab: Lab, host: Host) => {
    const traffic = new Traffic(lab, await host.id());
    return () => traffic.stop();
  },
  rotating: async (lab: Lab, host: Host) => {
    // It may come to its end or not.
    const rotation = lab.admin.call("POST", `/api/agents/${await host.id()}/rotate`).catch(() => {});
    return async () => void (await rotation);
  },
};

/** Longer than any of these takes from its beginning to its end. */
const LATEST_KILL_MS = 200;

const random = new Random(seed);
const kills = Array.from({ length: full ? 200 : 20 }, (_, index) => ({
  number: index + 1,
  // A manager takes seconds to start again, and an agent is back at once.
  victim: random.pick(["agent", "agent", "agent", "manager", "both"]),
  occasion: random.pick(["enrolling", "talking", "rotating"]),
  afterMs: random.below(LATEST_KILL_MS),
}));

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("hosts", { scope: "file" }, async ({}) => [] as Host[]);

test.for(kills)(
  "kill $number: $victim, while $occasion, after $afterMs ms",
  async (kill, { lab, manager: _, hosts }) => {
    const host = await hostFor(kill.occasion, lab, hosts);
    await host.start();
    if (kill.occasion !== "enrolling") await expectTruth(lab, [host]);

    const finish = await occasions[kill.occasion](lab, host);
    await pause(kill.afterMs);
    await Promise.all([kill.victim !== "manager" && host.kill(), kill.victim !== "agent" && lab.killManager()]);
    if (kill.victim !== "manager") await host.start();
    if (kill.victim !== "agent") await lab.startManager(managerVars(periods));
    await finish();

    await expectTruth(lab, hosts);
    // The next one begins with an agent that has not failed before.
    await host.stop();
  },
);

/** One that has yet to enrol, or one that has. */
async function hostFor(occasion: keyof typeof occasions, lab: Lab, hosts: Host[]): Promise<Host> {
  const [settled] = hosts;
  if (occasion !== "enrolling" && settled !== undefined) return settled;
  const host = new Host(lab, { token: await lab.admin.mintToken({}) });
  hosts.push(host);
  return host;
}
