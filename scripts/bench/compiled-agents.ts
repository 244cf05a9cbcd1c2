/** The part of the benchmark with the agent as `make agent` compiles it. Each agent is a process, so there are few. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin } from "../stack/admin.ts";
import { agentBinary } from "../stack/repository.ts";
import { type Spread, spread } from "./figures.ts";
import { Load } from "./load.ts";
import { ASKS } from "./messages.ts";
import { cpuMs } from "./process-usage.ts";
import type { Runtime } from "./runtime.ts";

const AGENTS = 20;
const NAME = "compiled";

export interface CompiledFigures {
  readonly agents: number;
  /** From the start of the processes until the registry has all of them online: milliseconds. */
  readonly onlineMs: Spread;
  /** An operator's request to one of them and back: microseconds, and CPU of the server. */
  readonly latencyUs: Spread;
  readonly cpuUs: Spread;
}

/** Starts and stops compiled agents over and over, and sends requests to one of them. */
export async function measureCompiledAgents(
  start: () => Promise<Runtime>,
  binary: string,
  rounds: number,
): Promise<CompiledFigures> {
  const runtime = await start();
  const admin = new Admin(new URL(runtime.url), runtime.password);
  const folder = await mkdtemp(join(tmpdir(), "zedops-agents-"));
  const load = new Load(binary);
  const [online, latency, cpu]: [number[], number[], number[]] = [[], [], []];
  let processes: ChildProcess[] = [];
  const startAgents = (token: string | null) => {
    processes = Array.from({ length: AGENTS }, (_, n) => {
      const own = ["--state-dir", join(folder, String(n)), "--name", `${NAME} ${n}`];
      const source = token === null ? [] : ["--token-file", "-"];
      const agent = spawn(agentBinary, ["--manager", runtime.url, ...own, ...source], {
        stdio: ["pipe", "ignore", "ignore"],
      });
      agent.stdin?.end(token === null ? "" : `${token}\n`);
      return agent;
    });
  };
  const stopAgents = async () => {
    await Promise.all(processes.splice(0).map(ended));
    await runtime.untilOnline(0, NAME);
  };
  try {
    // They enrol once. After that, each has its own token.
    startAgents(await admin.mintToken({ maxUses: AGENTS }));
    await runtime.untilOnline(AGENTS, NAME);
    const agent = (await admin.agents()).find(({ name }) => name === `${NAME} 0`);
    await stopAgents();
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      startAgents(null);
      await runtime.untilOnline(AGENTS, NAME);
      online.push(performance.now() - began);
      const before = await cpuMs(runtime.pid);
      const { medianUs } = await load.order({
        ...{ do: "ask", count: ASKS, elsewhere: true, url: `${runtime.url}/api/agents/${agent?.id}/request` },
        headers: { ...admin.headers, "content-type": "application/json" },
        body: JSON.stringify({ subject: "test.echo", data: { text: "a message of the benchmark", number: 12345 } }),
      });
      latency.push(medianUs ?? Number.NaN);
      cpu.push((((await cpuMs(runtime.pid)) - before) * 1000) / ASKS);
      await stopAgents();
    }
    return { agents: AGENTS, onlineMs: spread(online), latencyUs: spread(latency), cpuUs: spread(cpu) };
  } finally {
    await Promise.all(processes.map(ended));
    await load.end();
    await runtime.stop();
    await rm(folder, { recursive: true });
  }
}

async function ended(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const exit = once(agent, "exit");
  agent.kill("SIGTERM");
  await exit;
}
