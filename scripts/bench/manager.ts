/**
 * Measures the manager beside objects that do less, and beside NATS: docs/BENCHMARKS.md "The manager".
 *
 *   node scripts/bench/manager.ts                    prints the tables, in less than ten minutes
 *   node scripts/bench/manager.ts --json FILE        writes the figures to a file too
 *   node scripts/bench/manager.ts --sizes 100,200 --rounds 2   less of all, to try it out
 *
 * workerd runs the bundle that `wrangler deploy` would upload, wrapped in manager/bench/message-worker.ts, without a
 * proxy and without tracing. The clients are processes of their own.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CompiledFigures, measureCompiledAgents } from "./compiled-agents.ts";
import { type DevServerFigures, measureDevServer } from "./dev-server.ts";
import { printTable, range } from "./figures.ts";
import { type HeapFigures, measureHeap } from "./heap.ts";
import { buildLoad } from "./load.ts";
import { type AskFigures, type MessageFigures, measureAsks, measureMessages } from "./messages.ts";
import { bundle, deleteBundle, Runtime } from "./runtime.ts";
import { exponents, measureScale, type ScaleFigures } from "./scale.ts";

/** No agent has to beat meanwhile, and none exceeds its budget. */
const VARS = {
  HEARTBEAT_INTERVAL_MS: "3000000",
  LEASE_MS: "3600000",
  MESSAGES_PER_SECOND: "1000000",
  BYTES_PER_SECOND: "1000000000",
  HUB_MESSAGES_PER_SECOND: "1000000",
};

const { values: options } = parseArgs({
  options: { json: { type: "string" }, sizes: { type: "string" }, rounds: { type: "string" } },
});
const SIZES = options.sizes?.split(",").map(Number) ?? [1_000, 2_000, 4_000, 8_000];
/** A process that can be inspected is slow, and the heap of an agent does not depend on how many there are. */
const HEAP_SIZE = 2_000;
const ROUNDS = Number(options.rounds ?? 7);

const folder = await mkdtemp(join(tmpdir(), "zedops-load-"));
const worker = await bundle("message-worker", { BARE: "Bare", PARSING: "Parsing", VERIFIED: "Verified" });
try {
  const binaries = await buildLoad(folder);
  const runtime = await Runtime.start(worker, VARS);
  let messages: MessageFigures[];
  let asks: AskFigures[];
  let compiled: CompiledFigures;
  try {
    messages = await measureMessages(runtime, binaries, ROUNDS);
    asks = await measureAsks(runtime, binaries.load, ROUNDS);
    compiled = await measureCompiledAgents(runtime, binaries.load, ROUNDS);
  } finally {
    await runtime.stop();
  }
  const scale = await measureScale(worker, binaries.load, VARS, SIZES);
  const heap = await measureHeap(worker, binaries.load, VARS, Math.min(HEAP_SIZE, Math.max(...SIZES)));
  const devServer = await measureDevServer(VARS, binaries.load, ROUNDS);
  const figures = { messages, asks, compiled, scale, exponents: exponents(scale), heap, devServer };
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  print(figures);
} finally {
  await deleteBundle(worker);
  await rm(folder, { recursive: true });
}

interface Figures {
  messages: MessageFigures[];
  asks: AskFigures[];
  compiled: CompiledFigures;
  scale: ScaleFigures[];
  exponents: Record<string, number>;
  heap: HeapFigures[];
  devServer: DevServerFigures[];
}

function print({ messages, asks, compiled, scale, exponents, heap, devServer }: Figures): void {
  printTable(
    ["echo", "time", "CPU of the server", "100 on their way: echoes a second", "CPU of the server"],
    messages.map(({ name, latencyUs, cpuUs, perSecond, busyCpuUs }) => [
      ...[name, range(latencyUs, "µs", 0), range(cpuUs, "µs", 0), range(perSecond, "", 0), range(busyCpuUs, "µs", 1)],
    ]),
  );
  console.log();
  printTable(
    ["request by HTTP to an agent and back", "time", "CPU of the server"],
    [...asks, { name: "manager, compiled agent", ...compiled }].map(({ name, latencyUs, cpuUs }) => [
      ...[name, range(latencyUs, "µs", 0), range(cpuUs, "µs", 0)],
    ]),
  );
  const { agents, onlineMs } = compiled;
  console.log(`\n${agents} compiled agents are online ${range(onlineMs, "ms", 0)} after they were started.`);
  console.log();
  printTable(
    ["agents", "server", "connect all", "memory per agent", "fan-out to all", "list of all", "bytes of the list"],
    scale.map(({ size, name, connectMs, kibPerAgent, fanoutMs, listMs, listBytes }) => [
      ...[String(size), name, range(connectMs, "ms", 0), `${kibPerAgent.toFixed(0)} KiB`, range(fanoutMs, "ms", 0)],
      ...[range(listMs, "ms", 0), String(listBytes)],
    ]),
  );
  console.log();
  printTable(
    ["figure of the manager", "grows with the number of agents to the power of"],
    Object.entries(exponents).map(([name, exponent]) => [name, exponent.toFixed(2)]),
  );
  console.log();
  printTable(
    ["JavaScript heap of each agent", "agents", "after all have connected", "after a hibernation"],
    heap.map(({ name, size, connected, woken }) => [
      ...[name, size, `${connected.toFixed(2)} KiB`, `${woken.toFixed(2)} KiB`],
    ]),
  );
  console.log();
  printTable(
    ["echo under `wrangler dev`", "time", "100 on their way: echoes a second"],
    devServer.map(({ name, latencyUs, perSecond }) => [name, range(latencyUs, "µs", 0), range(perSecond, "", 0)]),
  );
  console.log(`\nThe benchmark took ${Math.round(performance.now() / 1000)} s.`);
}
