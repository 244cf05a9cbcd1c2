/** The tables of `make simulate`, in Markdown. */
import { AGENTS_PER_HUB, CLOUDFLARE } from "./limits.ts";
import { CHANGES, herd, MEASURED, SCENARIOS, SIZES, steadyLoad } from "./scenarios.ts";
import { type Recovery, simulate } from "./simulation.ts";

export interface Outcome {
  readonly title: string;
  readonly agents: number;
  readonly lost: number;
  readonly recovery: Recovery;
}

/** Simulates each outage with each fleet. */
export function outcomes(seed: number): Outcome[] {
  return SCENARIOS.flatMap(({ title, outage }) =>
    SIZES.map((agents) => {
      const what = outage(agents);
      return { title, agents, lost: what.lost, recovery: simulate(agents, what, CLOUDFLARE, seed) };
    }),
  );
}

export function outcomesTable(results: readonly Outcome[]): string {
  return table(
    ["outage", "agents", "of them lost", "99 % back after", "all back after", "D1 has it all after", ...QUEUES],
    results.map(({ title, agents, lost, recovery }) => [title, count(agents), count(lost), ...cells(recovery)]),
  );
}

/** What changes would bring to a million agents. */
export function changesTable(seed: number): string {
  const agents = 1_000_000;
  return table(
    ["change", "99 % back after", "all back after", "D1 has it all after", ...QUEUES],
    CHANGES.map(({ title, limits, spreadMs }) => {
      const outage = { lost: agents, ...(spreadMs === undefined ? {} : { spreadMs: () => spreadMs }) };
      return [title, ...cells(simulate(agents, outage, limits, seed))];
    }),
  );
}

const QUEUES = ["most attempts in a second", "refused attempts", "longest wait for D1", "longest wait for a hub"];

function cells(recovery: Recovery): string[] {
  const { mostBackMs, allBackMs, recordedMs, perSecond, refused, registryQueueMs, hubQueueMs } = recovery;
  return [
    ...[duration(mostBackMs), duration(allBackMs), duration(recordedMs), count(peak(perSecond)), count(refused)],
    ...[duration(registryQueueMs), duration(hubQueueMs)],
  ];
}

/** The simulation beside what was measured: the least and the most of ten runs. */
export function validationTable(): string {
  return table(
    [
      "manager gone for",
      "all back after: measured",
      "simulated",
      "most in a second",
      "simulated",
      "mean per second",
      "simulated",
    ],
    MEASURED.map(({ goneMs, backMs, peak: most, mean: measuredMean }) => {
      const runs = Array.from({ length: 10 }, (_, n) => simulate(1_000, herd(goneMs), CLOUDFLARE, n + 1));
      return [
        duration(goneMs),
        ...[
          duration(backMs),
          range(
            runs.map(({ allBackMs }) => allBackMs / 1_000),
            1,
            " s",
          ),
        ],
        ...[
          count(most),
          range(
            runs.map(({ perSecond }) => peak(perSecond)),
            0,
          ),
        ],
        ...[measuredMean.toFixed(1), range(runs.map(mean), 1)],
      ];
    }),
  );
}

/** The load without an outage. */
export function loadTable(): string {
  return table(
    [
      "agents",
      "hubs",
      "connects a second, at one a day",
      "D1 busy",
      "the same, if 1 % of the agents come and go every minute",
      "D1 busy",
    ],
    SIZES.map((agents) => {
      const calm = steadyLoad(agents / 86_400, CLOUDFLARE);
      const flapping = steadyLoad(agents / 86_400 + agents / 100 / 60, CLOUDFLARE);
      return [
        ...[count(agents), count(Math.ceil(agents / AGENTS_PER_HUB))],
        ...[calm, flapping].flatMap((load) => [load.connectsPerSecond.toFixed(1), percent(load.registryBusy)]),
      ];
    }),
  );
}

export function peak(perSecond: readonly number[]): number {
  return perSecond.reduce((most, attempts) => Math.max(most, attempts), 0);
}

export function mean({ perSecond, allBackMs }: Recovery): number {
  return perSecond.reduce((sum, attempts) => sum + attempts, 0) / (allBackMs / 1_000);
}

function range(values: readonly number[], digits: number, unit = ""): string {
  return `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}${unit}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

function duration(ms: number): string {
  return ms < 90_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function count(n: number): string {
  return n.toLocaleString("en-US");
}
