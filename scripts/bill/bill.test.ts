import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { inRepository } from "../stack/repository.ts";
import { cost, dollars } from "./cost.ts";
import { freeLimit } from "./free.ts";
import { HUB_GB, PAID } from "./prices.ts";
import { DEFAULT_HABITS, freeTable, partsTable, variantsTable } from "./report.ts";
import { ASSUMED, type Fleet, type Usage, usage } from "./usage.ts";

/** A hub without pages: each expectation below is computed by hand. */
const QUIET: Fleet = { ...DEFAULT_HABITS, agents: 8_000, pages: 0 };

const UNUSED: Usage = {
  workerRequests: 0,
  workerCpuMs: 0,
  hubRequests: 0,
  hubGbSeconds: 0,
  rowsRead: 0,
  hubRowsWritten: 0,
  registryRowsWritten: 0,
  hubStorageGb: 0,
  registryStorageGb: 0,
};

describe("the usage of a month", () => {
  it("of a hub whose agents never reconnect is that of its sweeps", () => {
    const used = usage({ ...QUIET, reconnectsPerDay: 0 });
    // Two sweeps a minute: 2 × 60 × 24 × 30.
    expect(used).toMatchObject({
      workerRequests: 0,
      hubRequests: 86_400,
      registryRowsWritten: 0,
    });
    // An alarm for each sweep, and a record for one in 20.
    expect(used.hubRowsWritten).toBeCloseTo(86_400 * 1.05, 3);
    // Each takes 10 ms, and 0.0075 ms for each of 8,000 sockets: 86,400 × 0.07 s = 6,048 s, of which 7 s overlap.
    expect(used.hubGbSeconds / HUB_GB).toBeCloseTo(6_041, 0);
  });

  it("of agents that reconnect once a day has a Worker request, a hub request and three messages for each", () => {
    const used = usage(QUIET);
    const connections = 8_000 * 30;
    expect(used.workerRequests).toBe(connections);
    expect(used.workerCpuMs).toBe(connections * ASSUMED.connectCpuMs);
    expect(used.hubRequests).toBe(86_400 + connections + (3 * connections) / 20);
    expect(used.hubRowsWritten).toBeCloseTo(86_400 * 1.05 + 3 * connections, 3);
    expect(used.registryRowsWritten).toBe(4 * connections);
  });

  it("deletes two transitions for each connection if a timeline has more than 200 in a month", () => {
    const rows = (reconnectsPerDay: number) => usage({ ...QUIET, reconnectsPerDay }).registryRowsWritten;
    expect(rows(3)).toBe(4 * 3 * 8_000 * 30);
    expect(rows(4)).toBe((4 + 2) * 4 * 8_000 * 30);
  });

  it("adds the agents that deploys disconnect", () => {
    // 30 days have 30/7 weeks.
    const used = usage({ ...QUIET, reconnectsPerDay: 0, deploysPerWeek: 7, resetByDeploy: 0.5 });
    expect(used.workerRequests).toBe(8_000 * 30 * 0.5);
  });

  it("has a twentieth of a request for each heartbeat if they are billed", () => {
    const heartbeats = 8_000 * 2 * 60 * 24 * 30;
    const billed = usage({ ...QUIET, answersBilled: true });
    expect(billed.hubRequests - usage(QUIET).hubRequests).toBe(heartbeats / 20);
  });

  it("has readings of the list for each open page, which ask no hub", () => {
    const fleet = { ...QUIET, agents: 16_000, reconnectsPerDay: 0 };
    const [without, used] = [usage(fleet), usage({ ...fleet, pages: 3 })];
    // Every ten minutes, 1,000 agents with each request: 6 × 24 × 30 × 16 × 3.
    expect(used.workerRequests).toBe(207_360);
    expect(used.hubRequests - without.hubRequests).toBe(0);
  });

  it("never has more time than there is", () => {
    const used = usage({ ...QUIET, pages: 2, reconnectsPerDay: 1_000 });
    expect(used.hubGbSeconds).toBeLessThanOrEqual(30 * 86_400 * HUB_GB);
  });
});

describe("the cost", () => {
  it("of nothing is the subscription", () => {
    expect(cost(UNUSED).total).toBe(5);
  });

  it("of what a month includes is the subscription", () => {
    const included = {
      workerRequests: 10e6,
      workerCpuMs: 30e6,
      hubRequests: 1e6,
      hubGbSeconds: 400_000,
      rowsRead: 25e9,
    };
    const storage = { hubStorageGb: 5, registryStorageGb: 5 };
    const rows = { hubRowsWritten: 20e6, registryRowsWritten: 30e6 };
    expect(cost({ ...UNUSED, ...included, ...storage, ...rows }).total).toBe(5);
  });

  it("agrees with the examples of Cloudflare's documentation", () => {
    // Workers, example 1: 15 million requests of 7 ms.
    const worker = cost({ ...UNUSED, workerRequests: 15e6, workerCpuMs: 105e6 });
    expect([worker.workerRequests, worker.workerCpu, worker.total]).toEqual([1.5, 1.5, 8]);
    // Durable Objects, examples 1 and 4.
    expect(dollars(1.5e6, PAID.hubRequests)).toBeCloseTo(0.15);
    expect(dollars(21_610_000, PAID.hubRequests)).toBeCloseTo(3.15);
    expect(dollars(552_960, PAID.hubGbSeconds)).toBe(12.5);
  });

  it("of written rows is higher if Durable Objects and D1 share what is included", () => {
    const used = { ...UNUSED, hubRowsWritten: 90e6, registryRowsWritten: 120e6 };
    expect(cost(used).rowsWritten).toBe(160);
    expect(cost(used, false).rowsWritten).toBe(40 + 70);
  });
});

it("the free plan carries as many agents as its written rows last for", () => {
  // A sweep writes 1.05 rows, twice a minute: 3,024 a day for each hub. A connection writes 7.
  const habits = { ...DEFAULT_HABITS, pages: 0, agentsPerHub: 1_000_000 };
  expect(freeLimit(habits)).toEqual({ agents: Math.floor((100_000 - 3_024) / 7), limitedBy: "rows written" });
  // Each agent sends 2,880 heartbeats a day. A twentieth of them, its upgrade, and 3 messages are requests.
  const billed = freeLimit({ ...habits, answersBilled: true });
  expect(billed).toEqual({ agents: Math.floor((100_000 - 2_880) / (144 + 1 + 0.15)), limitedBy: "hub requests" });
});

describe("docs/SCALING.md shows what make bill prints", async () => {
  const page = await readFile(inRepository("docs/SCALING.md"), "utf8");
  it.each([
    ["the parts of the bill", partsTable(DEFAULT_HABITS)],
    ["the bill for other habits", variantsTable(DEFAULT_HABITS)],
    ["the free plan", freeTable(DEFAULT_HABITS)],
  ])("%s", (_, table) => {
    expect(page).toContain(table);
  });
});
