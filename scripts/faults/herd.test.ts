import { expect } from "vitest";
import { full } from "./extent.ts";
import { test } from "./fleet-lab.ts";
import { earlyAttempts, measureReturn } from "./herd.ts";

const AGENTS = 1_000;
/** The manager's return is when it answers; from then on: */
const ALL_BACK_WITHIN_MS = 75_000;
const PEAK_TO_MEAN = 4;

test.for([
  // As fast as it can be started again: most agents are still in their first waits.
  { outage: "a moment", downForMs: 0, runs: true },
  // Long beyond what the manager had them spread over, and not long enough for every window to have grown to the cap.
  { outage: "twenty seconds", downForMs: 20_000, runs: full },
  // Every agent's window has grown to the cap.
  { outage: "two minutes", downForMs: 120_000, runs: full },
])(
  "a thousand agents come back evenly after the manager was gone for $outage",
  async ({ downForMs, runs }, { lab, door, startFleet, skip }) => {
    skip(!runs, "it takes minutes: make test-faults-full");
    await lab.startManager();
    await door.open();
    const fleet = await startFleet({ agents: AGENTS, managerUrl: door.url });
    await fleet.untilConnected(() => fleet.events, 120_000);

    const since = fleet.mark();
    door.shut();
    await lab.killManager();
    const killed = Date.now();
    await expect.poll(() => Date.now() - killed, { timeout: downForMs + 10_000 }).toBeGreaterThanOrEqual(downForMs);
    await lab.startManager();
    const returned = Date.now();
    await door.open();
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
