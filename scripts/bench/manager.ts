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
import { measureCompiledAgents } from "./compiled-agents.ts";
import { measureDevServer } from "./dev-server.ts";
import { measureHeap } from "./heap.ts";
import { buildLoad } from "./load.ts";
import { measureAsks, measureMessages } from "./messages.ts";
import { type Figures, outcomes, print } from "./report.ts";
import { bundle, deleteBundle, Runtime } from "./runtime.ts";
import { exponents, measureScale } from "./scale.ts";

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
if (SIZES.length < 2 || SIZES.some((size, n) => !(Number.isInteger(size) && size > (SIZES[n - 1] ?? 1))))
  throw new Error("--sizes takes two or more whole numbers from 2, each larger than the one before: 1000,8000");
const ROUNDS = Number(options.rounds ?? 4);
if (!(Number.isInteger(ROUNDS) && ROUNDS > 0)) throw new Error("--rounds takes a whole number from 1");
/** A process that can be inspected is slow, and the heap of an agent does not depend on how many there are. */
const HEAP_SIZE = 2_000;

const folder = await mkdtemp(join(tmpdir(), "zedops-load-"));
const worker = await bundle("message-worker", { BARE: "Bare", PARSING: "Parsing", VERIFIED: "Verified" });
try {
  const binaries = await buildLoad(folder);
  const start = () => Runtime.start(worker, VARS);
  const messages = await measureMessages(start, binaries, ROUNDS);
  const asks = await measureAsks(start, binaries.load, ROUNDS);
  const compiled = await measureCompiledAgents(start, binaries.load, ROUNDS);
  const scale = await measureScale(worker, binaries.load, VARS, SIZES);
  const heap = await measureHeap(worker, binaries.load, VARS, Math.min(HEAP_SIZE, Math.max(...SIZES)));
  const devServer = await measureDevServer(VARS, binaries.load, ROUNDS);
  const figures: Figures = { messages, asks, compiled, scale, exponents: exponents(scale), heap, devServer };
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ ...figures, outcomes: outcomes(figures) }, null, 2)}\n`);
  print(figures);
} finally {
  await deleteBundle(worker);
  await rm(folder, { recursive: true });
}
