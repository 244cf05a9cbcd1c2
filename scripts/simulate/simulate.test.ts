import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { inRepository } from "../stack/repository.ts";
import { CLOUDFLARE } from "./limits.ts";
import { Random } from "./random.ts";
import { loadTable, mean, type Outcome, outcomesTable, peak, validationTable } from "./report.ts";
import { RetryPolicy, reconnectSpreadMs } from "./retry.ts";
import { herd, MEASURED, SCENARIOS, steadyLoad } from "./scenarios.ts";
import { simulate } from "./simulation.ts";

/** The longest of many waits, which is close to the window. */
function longest(wait: (policy: RetryPolicy) => number): number {
  const policy = new RetryPolicy(1, new Random(1));
  return Math.max(...Array.from({ length: 2_000 }, () => wait(policy)));
}

describe("the retry policy is that of agent/internal/link/retry.go", () => {
  it("after a loss it waits within the spread", () => {
    const wait = longest((policy) => {
      policy.spreadMs[0] = 10_000;
      return policy.afterLoss(0, 0);
    });
    expect(wait).toBeGreaterThan(9_900);
    expect(wait).toBeLessThanOrEqual(10_000);
  });

  it.each([
    // A window grows by a tenth until it is 1.5 times as long as the trouble: 2 s × 1.1 ** 22.
    [10_000, 0, 16_280],
    [600_000, 0, 60_000],
    // It is never shorter than the spread.
    [1_000, 30_000, 30_000],
  ])("after %i ms of trouble with a spread of %i ms the window is %i ms", (trouble, spread, window) => {
    const wait = longest((policy) => {
      policy.spreadMs[0] = spread;
      return policy.afterFailure(0, trouble);
    });
    expect(wait).toBeGreaterThan(window * 0.99);
    expect(wait).toBeLessThanOrEqual(window * 1.001);
  });

  it("adds Retry-After to its wait", () => {
    const policy = new RetryPolicy(1, new Random(1));
    for (let n = 0; n < 100; n++) expect(policy.afterFailure(0, 0, 5_000)).toBeGreaterThanOrEqual(5_000);
  });

  it("a hub asks for 10 ms for each of its agents, or for 1.2 ms for each agent of the fleet", () => {
    expect([1, 1_000, 8_000].map((agents) => reconnectSpreadMs(agents, 1))).toEqual([1_000, 10_000, 60_000]);
    expect([8, 30, 125].map((hubs) => reconnectSpreadMs(7_500, hubs))).toEqual([72_000, 120_000, 120_000]);
  });
});

describe("the simulation", () => {
  it.each(MEASURED)(
    "predicts what a thousand real agents did when their manager was gone for $goneMs ms",
    (measured) => {
      for (let seed = 1; seed <= 5; seed++) {
        const recovery = simulate(1_000, herd(measured.goneMs), CLOUDFLARE, seed);
        expect(Math.abs(recovery.allBackMs / measured.backMs - 1)).toBeLessThan(0.2);
        expect(Math.abs(peak(recovery.perSecond) / measured.peak - 1)).toBeLessThan(0.25);
        expect(Math.abs(mean(recovery) / measured.mean - 1)).toBeLessThan(0.2);
      }
    },
  );

  it("is the same with the same seed", () => {
    const run = (seed: number) => simulate(20_000, { lost: 20_000 }, CLOUDFLARE, seed);
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it("lets no more agents in than D1 can admit", () => {
    const limits = { ...CLOUDFLARE, admissionMs: 10, flushMs: 0, transitionMs: 0 };
    const { allBackMs, refused, registryQueueMs } = simulate(20_000, { lost: 20_000 }, limits);
    // 20,000 agents at 100 a second.
    expect(allBackMs).toBeGreaterThanOrEqual(200_000);
    expect(refused).toBeGreaterThan(0);
    expect(registryQueueMs).toBeLessThanOrEqual(limits.longestQueueMs);
    expect(simulate(20_000, { lost: 20_000 }, { ...limits, databases: 4 }).allBackMs).toBeLessThan(allBackMs);
  });

  it("lets no more agents in than a hub can take", () => {
    const limits = { ...CLOUDFLARE, admissionMs: 0, hubConnectMs: 20 };
    const { allBackMs, hubQueueMs } = simulate(8_000, { lost: 8_000, ofFirstHubs: true }, limits);
    // 8,000 agents at 50 a second.
    expect(allBackMs).toBeGreaterThanOrEqual(160_000);
    expect(hubQueueMs).toBeLessThanOrEqual(limits.attemptMs);
  });

  it("computes the load of D1 without an outage", () => {
    // 1 ms for the admission, 5.1 ms for each of two flushes.
    expect(steadyLoad(10, CLOUDFLARE).registryBusy).toBeCloseTo(0.112);
  });
});

describe("docs/SCALING.md shows what make simulate prints", async () => {
  const page = await readFile(inRepository("docs/SCALING.md"), "utf8");
  it("of the validation and of the load", () => {
    expect(page).toContain(validationTable());
    expect(page).toContain(loadTable());
  });

  // Larger fleets take too long for a test.
  it.each(SCENARIOS)("of 10,000 and 60,000 agents: $title", ({ title, outage }) => {
    const results: Outcome[] = [10_000, 60_000].map((agents) => {
      const what = outage(agents);
      return { title, agents, lost: what.lost, recovery: simulate(agents, what, CLOUDFLARE, 1) };
    });
    expect(page).toContain(outcomesTable(results).split("\n").slice(2).join("\n"));
  });
});
