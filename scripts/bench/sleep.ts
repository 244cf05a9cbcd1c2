/**
 * Measures how hubs sleep and wake, and compares them with bare objects: docs/SCALING.md.
 *
 *   node scripts/bench/sleep.ts               prints the tables, in about nine minutes
 *   node scripts/bench/sleep.ts --json FILE   writes the figures to a file too
 *   node scripts/bench/sleep.ts --sizes 50,100,200,400   smaller hubs, to try it out
 *   node scripts/bench/sleep.ts --bare-sweeps   the bare object also looks at every socket twice a minute
 *
 * Each hub and each bare object has its own workerd process. It runs the bundle that `wrangler deploy` would upload,
 * wrapped in manager/bench/sleep-worker.ts. All sockets beat on schedule. workerd needs two file descriptors for each
 * socket.
 */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { Admin } from "../stack/admin.ts";
import { BeatingAgent } from "./beating-agent.ts";
import { BeatingCrowd } from "./beating-crowd.ts";
import { growth, printTable, range, type Spread, spread } from "./figures.ts";
import { ObjectEvents } from "./object-events.ts";
import { bundle, deleteBundle, Runtime } from "./runtime.ts";

const INTERVAL_MS = 30_000;
/** Whole intervals, so that every socket beats equally often. */
const MEASURED_MS = 4 * INTERVAL_MS;
/** The part of the agents that send a heartbeat with data in each interval. */
const REPORTING = 0.01;
const WAKES = 8;
/** The benchmark wakes a hub after this time without an event. The runtime hibernates it after 10 s. */
const ASLEEP_AFTER_MS = 11_500;
/** How often each other operation is timed. */
const REPETITIONS = 15;
const PAGE = 100;
/** The CPU time of a sweep is counted from this time before its alarm, because the two clocks may differ a little. */
const BEFORE_SWEEP_MS = 200;
/**
 * Times after an alarm: by the first, the hub has swept; by the second, it hibernates again. The next beats come later.
 */
const SWEPT_AFTER_MS = 1_800;
const ASLEEP_AGAIN_AFTER_MS = 12_000;
const SAMPLE_EVERY_MS = 100;

const { values: options } = parseArgs({
  options: { json: { type: "string" }, sizes: { type: "string" }, "bare-sweeps": { type: "boolean" } },
});
const SIZES = options.sizes?.split(",").map(Number) ?? [1_000, 2_000, 4_000, 8_000];

const Agents = z.array(z.object({ id: z.string() }));

/** The only hub of a manager with one shard. */
const HUB = "hub-0";

/** A hub or a bare object, in a process of its own. */
interface Side {
  runtime: Runtime;
  events: ObjectEvents;
  /** One more socket of the object, in this process, for the timed messages. */
  socket: BeatingAgent;
}

/** A hub and a bare object with as many sockets, which beat at the same times. */
interface Pair {
  size: number;
  hub: Side;
  bare: Side;
  token: string;
  /** Some of its agents. */
  agentIds: string[];
}

const worker = await bundle("sleep-worker", { BARE: "Bare" });
const runtimes: Runtime[] = [];
const crowd = new BeatingCrowd();
const bareCrowd = new BeatingCrowd();
try {
  const pairs: Pair[] = [];
  for (const size of SIZES) pairs.push(await connect(size));
  console.error(`connected after ${elapsed()} s`);
  // Until each agent beats in the window, and each hub sweeps twice a minute.
  await pause(INTERVAL_MS + 15_000);
  const idle = await measureMinutes(pairs, 0);
  console.error(`measured agents that only beat after ${elapsed()} s`);
  const reporting = await measureMinutes(pairs, REPORTING);
  console.error(`measured agents that report after ${elapsed()} s`);
  const wakes = await measureWakes(pairs);
  console.error(`measured wakes after ${elapsed()} s`);
  const operations = await measureOperations(pairs);
  const lost = (await crowd.lost()) + (await bareCrowd.lost());
  const pauses = pairs.map(({ size, hub }) => ({ size, ...hub.events.pauses() }));
  const figures = {
    sizes: SIZES,
    idle,
    reporting,
    wakes,
    operations,
    exponents: exponents(wakes, operations),
    lost,
    pauses,
  };
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  print(figures);
} finally {
  await Promise.all([crowd.end(), bareCrowd.end(), ...runtimes.map((runtime) => runtime.stop())]);
  await deleteBundle(worker);
}

function elapsed(): number {
  return Math.round(performance.now() / 1000);
}

async function startRuntime(): Promise<Runtime> {
  const runtime = await Runtime.start(worker, {
    HEARTBEAT_INTERVAL_MS: String(INTERVAL_MS),
    ...(options["bare-sweeps"] && { BARE_SWEEPS: "1" }),
  });
  runtimes.push(runtime);
  return runtime;
}

async function connect(size: number): Promise<Pair> {
  const [hub, bare] = [await startRuntime(), await startRuntime()];
  const admin = new Admin(new URL(hub.url), hub.password);
  const token = await admin.mintToken({ maxUses: size + 2 * REPETITIONS });
  const installIds = Array.from({ length: size - 1 }, () => randomUUID());
  await Promise.all([
    crowd.open({ url: `${hub.url}/ws`, token, installIds }),
    bareCrowd.open({ url: `${bare.url}/bare`, installIds }),
  ]);
  const agentIds = Agents.parse(await admin.call("GET", `/api/agents?limit=${PAGE}`)).map(({ id }) => id);
  return {
    ...{ size, token, agentIds },
    hub: { runtime: hub, events: new ObjectEvents(hub.url), socket: await enrol(hub, token) },
    bare: {
      runtime: bare,
      events: new ObjectEvents(bare.url),
      socket: await BeatingAgent.open(`${bare.url}/bare`, {}),
    },
  };
}

async function enrol({ url }: Runtime, token: string): Promise<BeatingAgent> {
  const headers = { authorization: `Bearer ${token}`, "zedops-install-id": randomUUID() };
  const agent = await BeatingAgent.open(`${url}/ws`, headers);
  await agent.register();
  return agent;
}

/** The CPU time that a pair has used so far, in milliseconds. */
interface Sample {
  /** Unix milliseconds. */
  at: number;
  hub: number;
  bare: number;
}

/** Measures CPU time and sleep while all agents beat. In each interval, `part` of them send data with their beat. */
async function measureMinutes(pairs: readonly Pair[], part: number) {
  const from = Date.now();
  const samples = new Map<Pair, Sample[]>(pairs.map((pair) => [pair, []]));
  const sample = async () => {
    for (const [{ hub, bare }, known] of samples) {
      known.push({ at: Date.now(), hub: await hub.runtime.cpuMs(), bare: await bare.runtime.cpuMs() });
    }
  };
  for (let beat = 0; beat < MEASURED_MS / INTERVAL_MS; beat++) {
    if (part > 0) await crowd.report(part);
    while (Date.now() < from + (beat + 1) * INTERVAL_MS) {
      await sample();
      await pause(SAMPLE_EVERY_MS);
    }
  }
  await sample();
  const to = Date.now();
  await updateEvents(pairs);
  return [...samples].map(([{ size, hub }, known]) => {
    const [first, last] = [known[0], known.at(-1)];
    if (first === undefined || last === undefined) throw new Error("nothing was sampled");
    const minutes = (last.at - first.at) / 60_000;
    const cpuMsPerMinute = { hub: (last.hub - first.hub) / minutes, bare: (last.bare - first.bare) / minutes };
    const sweepCpuMs = sweepCpu(hub.events, known, SWEPT_AFTER_MS);
    const untilAsleepCpuMs = sweepCpu(hub.events, known, ASLEEP_AGAIN_AFTER_MS);
    return { size, cpuMsPerMinute, ...hub.events.sleep(from, to), sweepCpuMs, untilAsleepCpuMs };
  });
}

async function updateEvents(pairs: readonly Pair[]): Promise<void> {
  await Promise.all(pairs.flatMap(({ hub, bare }) => [hub.events.update(), bare.events.update()]));
}

/**
 * The CPU time of a hub around each alarm, from the wake before it to `afterMs` after it. The CPU time of the bare
 * object is subtracted: its sockets beat at the same times, and it has no alarm.
 */
function sweepCpu({ all }: ObjectEvents, samples: readonly Sample[], afterMs: number): Spread {
  const alarms = all.filter(({ what }) => what === "alarm");
  const costs = alarms.flatMap(({ at }) => {
    const before = samples.findLast((sample) => sample.at <= at - BEFORE_SWEEP_MS);
    const after = samples.find((sample) => sample.at >= at + afterMs);
    return before && after ? [after.hub - before.hub - (after.bare - before.bare)] : [];
  });
  return spread(costs);
}

/** Waits until the hubs and the bare objects hibernate, and times the first message to each. */
async function measureWakes(pairs: readonly Pair[]) {
  const measured = pairs.map((pair) => ({ pair, hub: [] as number[], bare: [] as number[] }));
  while (measured.some(({ hub, bare }) => Math.min(hub.length, bare.length) < WAKES)) {
    await pause(500);
    await updateEvents(pairs);
    for (const { pair, ...times } of measured) {
      const { hub, bare } = pair;
      const now = Date.now();
      if (now < Math.max(hub.events.lastAt, bare.events.lastAt) + ASLEEP_AFTER_MS) continue;
      if (isNearWindow(hub.events, now)) continue;
      // The hub and the bare object take turns at being first.
      const bareBefore = times.hub.length % 2 === 0 ? null : await bare.socket.bounce();
      const hubTime = await hub.socket.echo();
      const bareTime = bareBefore ?? (await bare.socket.bounce());
      await updateEvents([pair]);
      // The clock of the runtime may be slightly behind ours.
      if (hub.events.wokeSince(now - 5)) times.hub.push(hubTime);
      if (bare.events.wokeSince(now - 5)) times.bare.push(bareTime);
    }
  }
  return measured.map(({ pair, hub, bare }) => ({ size: pair.size, hub: spread(hub), bare: spread(bare) }));
}

/** Whether the sockets beat or will beat soon, which would disturb the measurement. */
function isNearWindow({ lastAlarmAt }: ObjectEvents, now: number): boolean {
  const position = (now - lastAlarmAt) % INTERVAL_MS;
  // A window opens 10 s before its sweep and is 5 s long.
  return position > INTERVAL_MS - 11_000 && position < INTERVAL_MS - 4_500;
}

/**
 * Times operations on each hub, both just after it was removed from memory and while it is awake. The hubs take turns,
 * so that other work on the machine disturbs all of them alike.
 */
async function measureOperations(pairs: readonly Pair[]) {
  const measured = pairs.flatMap(({ size, hub: { runtime }, token, agentIds }) => {
    const operations = {
      page: () => askStatus(runtime, agentIds),
      "one agent": () => askStatus(runtime, agentIds.slice(0, 1)),
      enrolment: () => enrol(runtime, token),
    };
    return Object.entries(operations).map(([operation, run]) => {
      const times: Record<"asleep" | "awake", number[]> = { asleep: [], awake: [] };
      return { size, operation, runtime, run, times };
    });
  });
  for (let n = 0; n < REPETITIONS; n++) {
    for (const { runtime, run, times } of measured) {
      // Loads the object: only an object in memory can be removed from it.
      await askStatus(runtime, []);
      await runtime.hibernate("AgentHub", HUB);
      times.asleep.push(await timed(run));
      times.awake.push(await timed(run));
    }
  }
  return measured.map(({ size, operation, times }) => {
    return { size, operation, asleep: spread(times.asleep), awake: spread(times.awake) };
  });
}

/** Asks a hub for the status of agents as the Worker does for a page of the list. */
async function askStatus({ url }: Runtime, agentIds: readonly string[]): Promise<void> {
  const body = JSON.stringify(agentIds);
  await (await fetch(`${url}/bench/status`, { method: "POST", body })).json();
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  const result = await run();
  const took = performance.now() - start;
  if (result instanceof BeatingAgent) result.close();
  // What follows an operation, such as a write to the registry, is not part of the next one.
  await pause(60);
  return took;
}

type Wakes = Awaited<ReturnType<typeof measureWakes>>;
type Operations = Awaited<ReturnType<typeof measureOperations>>;

/** How each time grows with the number of sockets. */
function exponents(wakes: Wakes, operations: Operations): Record<string, number> {
  const of = (operation: string, state: "asleep" | "awake") =>
    operations
      .filter((measured) => measured.operation === operation)
      .map((measured) => ({ size: measured.size, value: measured[state].median }));
  return {
    wake: growth(wakes.map(({ size, hub }) => ({ size, value: hub.median }))),
    ...Object.fromEntries(
      [...new Set(operations.map(({ operation }) => operation))].flatMap((operation) => [
        [`${operation}, asleep`, growth(of(operation, "asleep"))],
        [`${operation}, awake`, growth(of(operation, "awake"))],
      ]),
    ),
  };
}

interface Figures {
  idle: Awaited<ReturnType<typeof measureMinutes>>;
  reporting: Awaited<ReturnType<typeof measureMinutes>>;
  wakes: Wakes;
  operations: Operations;
  exponents: Record<string, number>;
  lost: number;
  pauses: { size: number; longestAwake: number; shortestAsleep: number }[];
}

function print({ idle, reporting, wakes, operations, exponents, lost, pauses }: Figures): void {
  printTable(
    ["sockets", "first message to a hub asleep", "to a bare object asleep", "difference of the medians"],
    [
      ...wakes.map(({ size, hub, bare }) => [
        size,
        inMs(hub),
        inMs(bare),
        `${(hub.median - bare.median).toFixed(2)} ms`,
      ]),
    ],
  );
  for (const [title, rows] of [
    ["The agents only beat", idle],
    [`${REPORTING * 100} % of the agents report in each interval`, reporting],
  ] as const) {
    console.log(`\n${title}:\n`);
    printTable(
      ["sockets", "awake", "wakes a minute", "alarms a minute", "CPU a minute: hub", "bare object", "ratio"],
      rows.map(({ size, awake, wakesPerMinute, alarmsPerMinute, cpuMsPerMinute: { hub, bare } }) => [
        ...[size, `${(awake * 100).toFixed(0)} %`, wakesPerMinute.toFixed(1), alarmsPerMinute.toFixed(1)],
        ...[`${hub.toFixed(0)} ms`, `${bare.toFixed(0)} ms`, (hub / bare).toFixed(2)],
      ]),
    );
  }
  console.log();
  printTable(
    ["sockets", "CPU of a wake and its sweep", "and of falling asleep again"],
    idle.map(({ size, sweepCpuMs, untilAsleepCpuMs }) => [size, inMs(sweepCpuMs, 0), inMs(untilAsleepCpuMs, 0)]),
  );
  console.log();
  printTable(
    ["operation", "sockets", "hub asleep", "hub awake"],
    operations
      .toSorted((a, b) => a.operation.localeCompare(b.operation))
      .map(({ operation, size, asleep, awake }) => [operation, size, inMs(asleep), inMs(awake)]),
  );
  console.log();
  printTable(
    ["time", "grows with the number of sockets to the power of"],
    Object.entries(exponents).map(([name, exponent]) => [name, exponent.toFixed(2)]),
  );
  console.log(`\n${lost} sockets were lost. The benchmark took ${elapsed()} s.`);
  for (const { size, longestAwake, shortestAsleep } of pauses)
    console.log(
      `The hub with ${size} sockets was awake after ${longestAwake} ms and asleep after ${shortestAsleep} ms.`,
    );
}

/** In milliseconds. */
function inMs(spread: Spread, digits = 1): string {
  return range(spread, "ms", digits);
}
