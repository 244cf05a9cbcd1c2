import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { test } from "./fleet-lab.ts";

test("probe", { timeout: 400_000 }, async ({ lab, gate, startFleet }) => {
  const N = Number(process.env.N ?? 1000);
  await lab.startManager();
  await gate.open();
  const fleet = await startFleet({ agents: N, managerUrl: gate.url });
  await fleet.untilConnected(() => fleet.events, 120_000);
  const since = fleet.mark();
  const killed = Date.now();
  gate.shut();
  await lab.killManager();
  const dead = Date.now();
  const down = Number(process.env.DOWN ?? 0);
  await expect.poll(() => Date.now() - killed, { timeout: down + 10_000 }).toBeGreaterThanOrEqual(down);
  await lab.startManager();
  const returned = Date.now();
  await gate.open();
  await fleet.untilConnected(since, 100_000);
  writeFileSync("/tmp/probe.json", JSON.stringify({ killed, dead, returned, events: fleet.events }));
});
