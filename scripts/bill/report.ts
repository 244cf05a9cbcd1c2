/** The tables of `make bill`, in Markdown. docs/SCALING.md shows those of the default fleet. */
import { type Cost, cost } from "./cost.ts";
import { freeLimit } from "./free.ts";
import { type Fleet, usage } from "./usage.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000] as const;

/** A fleet without its size. */
export type Habits = Omit<Fleet, "agents">;

export const DEFAULT_HABITS: Habits = {
  pages: 2,
  reconnectsPerDay: 1,
  deploysPerWeek: 1,
  resetByDeploy: 0,
  agentsPerHub: 8_000,
  answersBilled: false,
  rowsPerConnection: undefined,
};

/** What a month costs at each size. */
export function bills(habits: Habits, sharedAllowance = true): { fleet: Fleet; cost: Cost }[] {
  return SIZES.map((agents) => {
    const fleet = { ...habits, agents };
    return { fleet, cost: cost(usage(fleet), sharedAllowance) };
  });
}

/** The parts of the bill at each size. */
export function partsTable(habits: Habits, sharedAllowance = true): string {
  return table(
    ["agents", "plan", "Worker", "hub requests", "hub duration", "rows read", "rows written", "storage", "a month"],
    bills(habits, sharedAllowance).map(({ fleet, cost: c }) => [
      grouped(fleet.agents),
      ...[c.subscription, c.workerRequests + c.workerCpu, c.hubRequests, c.hubDuration, c.rowsRead],
      ...[c.rowsWritten, c.storage, c.total],
    ]),
  );
}

/** The bill for other habits, one change at a time. */
export function variantsTable(habits: Habits): string {
  const variants: [string, Partial<Habits>, boolean?][] = [
    ["as above", {}],
    ["no page is open", { pages: 0 }],
    ["the same, 4 + 4 rows for each connection", { pages: 0, rowsPerConnection: { hub: 4, registry: 4 } }],
    ["the same, 3 + 3 rows for each connection", { pages: 0, rowsPerConnection: { hub: 3, registry: 3 } }],
    ["no page is open, ten reconnects a day", { pages: 0, reconnectsPerDay: 10 }],
    ["no page is open, each weekly deploy disconnects every agent", { pages: 0, resetByDeploy: 1 }],
    ["no page is open, Durable Objects and D1 do not share what is included", { pages: 0 }, false],
    ["no page is open, automatic answers are billed", { pages: 0, answersBilled: true }],
  ];
  return table(
    ["", ...SIZES.map((agents) => `${grouped(agents)} agents`)],
    variants.map(([title, change, shared]) => [
      title,
      ...bills({ ...habits, ...change }, shared).map(({ cost: { total } }) => total),
    ]),
  );
}

/** How many agents the free plan carries, by the number of open pages. */
export function freeTable(habits: Habits): string {
  return table(
    [
      "open pages",
      "agents at most",
      "what is used up first",
      "if automatic answers are billed",
      "what is used up first",
    ],
    [0, 1, 2, 5, 10].map((pages) => {
      const [free, metered] = [false, true].map((answersBilled) => freeLimit({ ...habits, pages, answersBilled }));
      return [
        ...[String(pages), grouped(free?.agents ?? 0), free?.limitedBy ?? ""],
        ...[grouped(metered?.agents ?? 0), metered?.limitedBy ?? ""],
      ];
    }),
  );
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => (typeof cell === "number" ? `$${cell.toFixed(2)}` : cell)).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

function grouped(n: number): string {
  return n.toLocaleString("en-US");
}
