/** The part of the benchmark about thousands of agents: connecting, memory, fan-out, and the list. */
import { createHmac, randomUUID } from "node:crypto";
import { Admin } from "../stack/admin.ts";
import { growth, type Spread, spread } from "./figures.ts";
import { Load } from "./load.ts";
import { anonymousKiB } from "./process-usage.ts";
import { type Bundle, Runtime } from "./runtime.ts";

/** How often all agents connect at each size: it takes minutes. */
const CONNECTS = 3;
/** How often they are published to, and listed, at each size. */
const REPETITIONS = 15;

export interface ScaleFigures {
  size: number;
  name: string;
  /** From the first upgrade to the last registration, without enrolment: milliseconds. */
  connectMs: Spread;
  kibPerAgent: number;
  /** From the publishing to the last delivery: milliseconds. */
  fanoutMs: Spread;
  /** The whole list: milliseconds from the request to the last byte. */
  listMs: Spread;
  listBytes: number;
}

interface Side {
  name: string;
  runtime: Runtime;
  load: Load;
  /** Prepares more agents, which then connect with {@link Side.open}. */
  add: (count: number) => Promise<void>;
  open: object;
  /** Waits until the ends of the closed connections are stored. */
  settle: () => Promise<void>;
  subscribes: boolean;
  publish: object;
  list: { path: string; headers: Record<string, string> };
  emptyKib: number;
}

/** Measures a manager, and an object with the least verification, with more and more agents. */
export async function measureScale(
  worker: Bundle,
  binary: string,
  vars: Record<string, string>,
  sizes: readonly number[],
): Promise<ScaleFigures[]> {
  const sides: Side[] = [];
  const figures: ScaleFigures[] = [];
  try {
    const manager = await managerSide(await Runtime.start(worker, vars), new Load(binary), Math.max(...sizes));
    sides.push(manager);
    const verified = await verifiedSide(await Runtime.start(worker, vars), new Load(binary));
    sides.push(verified);
    let connected = 0;
    for (const size of sizes) {
      for (const side of sides) await side.add(size - connected);
      connected = size;
      const times = sides.map(() => ({ connect: [] as number[], fanout: [] as number[], list: [] as number[] }));
      for (let n = 0; n < CONNECTS; n++) {
        for (const [i, { load, open, settle }] of sides.entries()) {
          await load.order({ do: "close", group: "many" });
          await settle();
          times[i]?.connect.push((await load.order({ do: "open", group: "many", ...open })).ms);
        }
      }
      for (const { load, subscribes } of sides) if (subscribes) await load.order({ do: "subscribe", group: "many" });
      for (let n = 0; n < REPETITIONS; n++) {
        for (const [i, { load, publish }] of sides.entries())
          times[i]?.fanout.push((await load.order({ do: "fanout", group: "many", ...publish })).ms);
      }
      const text = await list(manager);
      await fillList(verified, text);
      for (let n = 0; n < REPETITIONS; n++) {
        for (const [i, side] of sides.entries()) {
          const start = performance.now();
          await list(side);
          times[i]?.list.push(performance.now() - start);
        }
      }
      for (const [i, side] of sides.entries()) {
        figures.push({
          ...{ size, name: side.name },
          connectMs: spread(times[i]?.connect ?? []),
          kibPerAgent: ((await anonymousKiB(side.runtime.pid)) - side.emptyKib) / size,
          fanoutMs: spread(times[i]?.fanout ?? []),
          listMs: spread(times[i]?.list ?? []),
          listBytes: (await list(side)).length,
        });
      }
      console.error(`measured ${size} agents after ${Math.round(performance.now() / 1000)} s`);
    }
    return figures;
  } finally {
    await Promise.all(sides.flatMap(({ runtime, load }) => [runtime.stop(), load.end()]));
  }
}

/** How each figure grows with the number of agents, in each round. */
export function exponents(figures: readonly ScaleFigures[]): Record<string, Spread> {
  const own = figures.filter(({ name }) => name === "manager");
  const of = (rounds: (figure: ScaleFigures) => readonly number[]) =>
    spread(
      Array.from({ length: Math.min(...own.map((figure) => rounds(figure).length)) }, (_, round) =>
        growth(own.map((figure) => ({ size: figure.size, value: rounds(figure)[round] ?? Number.NaN }))),
      ),
    );
  return {
    connecting: of(({ connectMs }) => connectMs.rounds),
    "memory of all": of(({ kibPerAgent, size }) => [kibPerAgent * size]),
    "fan-out": of(({ fanoutMs }) => fanoutMs.rounds),
    list: of(({ listMs }) => listMs.rounds),
  };
}

export async function managerSide(runtime: Runtime, load: Load, most: number): Promise<Side> {
  const admin = new Admin(new URL(runtime.url), runtime.password);
  const url = `${runtime.url.replace(/^http/, "ws")}/ws`;
  const token = await admin.mintToken({ maxUses: most });
  const headers = { ...admin.headers, "content-type": "application/json" };
  return {
    ...{ name: "manager", runtime, load, subscribes: true },
    add: async (count) => void (await load.order({ do: "enrol", group: "many", url, token, count })),
    open: { url, registers: true },
    // The hub writes the ends to the registry after the sockets are closed.
    settle: () => runtime.untilOnline(0),
    publish: {
      ...{ url: `${runtime.url}/api/publish`, headers },
      body: JSON.stringify({ subject: "fleet.bench", data: { text: "to everybody" } }),
    },
    list: { path: "/api/agents", headers: { ...admin.headers } },
    emptyKib: await anonymousKiB(runtime.pid),
  };
}

export async function verifiedSide(runtime: Runtime, load: Load): Promise<Side> {
  const url = `${runtime.url.replace(/^http/, "ws")}/verified`;
  await runtime.fillDatabase("CREATE TABLE bench_agents (id TEXT PRIMARY KEY)", [[]]);
  await runtime.fillDatabase("CREATE TABLE bench_list (id INTEGER PRIMARY KEY, json TEXT)", [[]]);
  return {
    ...{ name: "least verification", runtime, load, subscribes: false },
    add: async (count) => {
      const ids = Array.from({ length: count }, () => randomUUID());
      await runtime.fillDatabase(
        "INSERT INTO bench_agents VALUES (?)",
        ids.map((id) => [id]),
      );
      const tokens = ids.map((id) => {
        return `${id}.${createHmac("sha256", runtime.jwtSecret).update(id).digest("base64")}`;
      });
      await load.order({ do: "open", group: "many", url, tokens, registers: true });
    },
    open: { url, registers: true },
    settle: async () => {},
    publish: {
      url: `${runtime.url}/verified/publish`,
      body: '{"subject":"fleet.bench","data":{"text":"to everybody"},"timestamp":1790000000000}',
    },
    list: { path: "/bare/list", headers: {} },
    emptyKib: await anonymousKiB(runtime.pid),
  };
}

async function list({ runtime, list }: Side): Promise<string> {
  const response = await fetch(`${runtime.url}${list.path}`, { headers: list.headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`the list failed: ${text}`);
  return text;
}

/** Gives the object to compare with as many rows and bytes as the manager's list has. */
async function fillList({ runtime }: Side, text: string): Promise<void> {
  const agents: unknown[] = JSON.parse(text);
  await runtime.fillDatabase("DELETE FROM bench_list", [[]]);
  await runtime.fillDatabase(
    "INSERT INTO bench_list (json) VALUES (?)",
    agents.map((agent) => [JSON.stringify(agent)]),
  );
}
