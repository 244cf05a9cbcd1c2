import { expect } from "vitest";
import { test } from "./fleet-fixtures.ts";
import { earlyAttempts, measureReturn } from "./herd.ts";
import { full } from "./timing.ts";

const AGENTS = 1_000;
/** From the moment when the manager answers again. */
const ALL_BACK_WITHIN_MS = 75_000;
const PEAK_TO_MEAN = 4;

test.for([
  // As fast as it can be started: most agents are still in their first waits.
  { outage: "a moment", downForMs: 0, runs: true },
  // Longer than the manager's spread, but too short for every agent's retry window to reach its maximum.
  { outage: "twenty seconds", downForMs: 20_000, runs: full },
  // Every agent's retry window has reached its maximum.
  { outage: "two minutes", downForMs: 120_000, runs: full },
])(
  "a thousand agents come back evenly after the manager was gone for $outage",
  async ({ downForMs, runs }, { lab, proxy, startFleet, skip }) => {
    skip(!runs, "it takes minutes: make test-faults-full");
    await lab.startManager();
    await proxy.accept();
    const fleet = await startFleet({ agents: AGENTS, managerUrl: proxy.url });
    await fleet.untilConnected(() => fleet.events, 120_000);

    const since = fleet.mark();
    proxy.refuse();
    await lab.killManager();
    const killed = Date.now();
    await expect.poll(() => Date.now() - killed, { timeout: downForMs + 10_000 }).toBeGreaterThanOrEqual(downForMs);
    await lab.startManager();
    const returned = Date.now();
    await proxy.accept();
    await fleet.untilConnected(since, ALL_BACK_WITHIN_MS);
    await expect
      .poll(async () => (await lab.admin.agents()).filter(({ status }) => status === "online").length, {
        timeout: Math.max(0, returned + ALL_BACK_WITHIN_MS - Date.now()),
      })
      .toBe(AGENTS);

    const { durationMs, peak, mean, perSecond } = measureReturn(since(), returned);
    console.log(
      `${AGENTS} agents, manager gone for ${returned - killed} ms: all back ${durationMs} ms after its return, ` +
        `at most ${peak} in a second, ${mean.toFixed(1)} on average (${(peak / mean).toFixed(2)}); ${perSecond.join(" ")}`,
    );
    expect(earlyAttempts(fleet.events)).toEqual([]);
    expect(peak / mean).toBeLessThan(PEAK_TO_MEAN);

    const agents = await lab.admin.agents();
    expect(new Set(agents.map(({ name }) => name)).size).toBe(AGENTS);
    expect(agents).toHaveLength(AGENTS);
  },
);
