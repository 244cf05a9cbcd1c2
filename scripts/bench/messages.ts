/** The part of the benchmark about messages: echoes, many at once, and operators' requests. */
import { Admin } from "../stack/admin.ts";
import { type Spread, spread } from "./figures.ts";
import { Load, NatsServer } from "./load.ts";
import { cpuMs } from "./process-usage.ts";
import type { Runtime } from "./runtime.ts";

const ECHOES = 10_000;
const FLIGHTS = 40_000;
const IN_FLIGHT = 100;
/** Requests in one measurement. */
export const ASKS = 1_500;
/** The first messages after a start are slower, until the runtime has compiled what runs often. */
const WARM_UP = 20_000;

/**
 * So many processes of the runtime, one after the other. In some, the hub takes an eighth more CPU for each message, for as
 * long as they live.
 */
const PROCESSES = 3;

/** One end of a comparison. All are measured in turn, over and over, so that other work on the machine concerns all alike. */
interface Side {
  name: string;
  load: Load;
  serverPid: number;
}

export interface MessageFigures {
  name: string;
  /** Of one echo after the other: microseconds from the frame to its answer, and of the server's CPU. */
  latencyUs: Spread;
  cpuUs: Spread;
  /** Messages per second with 100 of them on their way. */
  perSecond: Spread;
  /** CPU of the server per message with 100 on their way, in microseconds. */
  busyCpuUs: Spread;
}

export interface AskFigures {
  name: string;
  latencyUs: Spread;
  cpuUs: Spread;
}

/** Echoes of the hub, of two objects to compare it with, and of NATS. There are so many rounds in each process. */
export async function measureMessages(
  start: () => Promise<Runtime>,
  binaries: { load: string; nats: string },
  rounds: number,
): Promise<MessageFigures[]> {
  const samples = new Samples();
  await inProcesses(start, async (runtime) => {
    const admin = new Admin(new URL(runtime.url), runtime.password);
    const nats = await NatsServer.start(binaries.nats);
    const sides: Side[] = [];
    try {
      for (const [name, path] of [
        ["manager", "/ws"],
        ["bare object", "/bare"],
        ["parses and prints", "/parsing"],
      ] as const) {
        const load = new Load(binaries.load);
        sides.push({ name, load, serverPid: runtime.pid });
        const url = `${runtime.url}${path}`.replace(/^http/, "ws");
        await load.order({
          ...{ do: "open", group: "one", url, count: 1 },
          ...(path === "/ws" && { token: await admin.mintToken({}), registers: true }),
        });
      }
      const client = new Load(binaries.nats);
      sides.push({ name: "NATS", load: client, serverPid: nats.pid });
      await client.order({ do: "open", url: nats.url });

      for (const { load } of sides)
        await load.order({ do: "flight", group: "one", count: WARM_UP, inFlight: IN_FLIGHT });
      for (let round = 0; round < rounds; round++) {
        for (const { name, load, serverPid } of sides) {
          const before = await cpuMs(serverPid);
          const echo = await load.order({ do: "echo", group: "one", count: ECHOES });
          const between = await cpuMs(serverPid);
          const flight = await load.order({ do: "flight", group: "one", count: FLIGHTS, inFlight: IN_FLIGHT });
          const after = await cpuMs(serverPid);
          samples.of(name).latency.push(echo.medianUs ?? Number.NaN);
          samples.of(name).cpu.push(((between - before) * 1000) / ECHOES);
          samples.of(name).perSecond.push(FLIGHTS / (flight.ms / 1000));
          samples.of(name).busyCpu.push(((after - between) * 1000) / FLIGHTS);
        }
      }
    } finally {
      await Promise.all([...sides.map(({ load }) => load.end()), nats.end()]);
    }
  });
  return samples.all().map(({ name, latency, cpu, perSecond, busyCpu }) => ({
    name,
    latencyUs: spread(latency),
    cpuUs: spread(cpu),
    perSecond: spread(perSecond),
    busyCpuUs: spread(busyCpu),
  }));
}

/** An operator's request by HTTP to an agent and back, and the same path through a bare object. */
export async function measureAsks(
  start: () => Promise<Runtime>,
  binary: string,
  rounds: number,
): Promise<AskFigures[]> {
  const samples = new Samples();
  await inProcesses(start, async (runtime) => {
    const admin = new Admin(new URL(runtime.url), runtime.password);
    const load = new Load(binary);
    try {
      const ws = runtime.url.replace(/^http/, "ws");
      const token = await admin.mintToken({ name: "asked" });
      await load.order({ do: "open", group: "manager", url: `${ws}/ws`, count: 1, token, registers: true });
      await load.order({ do: "open", group: "bare", url: `${ws}/bare`, count: 1 });
      const agent = (await admin.agents()).find(({ name }) => name === "asked");
      const data = { text: "a message of the benchmark", number: 12345 };
      const sides = [
        {
          name: "manager",
          order: {
            ...{ do: "ask", group: "manager", count: ASKS, url: `${runtime.url}/api/agents/${agent?.id}/request` },
            headers: { ...admin.headers, "content-type": "application/json" },
            body: JSON.stringify({ subject: "bench.ask", data }),
          },
        },
        {
          name: "bare object",
          order: {
            ...{ do: "ask", group: "bare", count: ASKS, url: `${runtime.url}/bare/ask` },
            body: JSON.stringify({ subject: "bench.ask", reply: "inbox.bench.1", data }),
          },
        },
      ];
      for (const { order } of sides) await load.order(order);
      for (let round = 0; round < rounds; round++) {
        for (const { name, order } of sides) {
          const before = await cpuMs(runtime.pid);
          const { medianUs } = await load.order(order);
          samples.of(name).latency.push(medianUs ?? Number.NaN);
          samples.of(name).cpu.push((((await cpuMs(runtime.pid)) - before) * 1000) / ASKS);
        }
      }
    } finally {
      await load.end();
    }
  });
  return samples.all().map(({ name, latency, cpu }) => ({ name, latencyUs: spread(latency), cpuUs: spread(cpu) }));
}

async function inProcesses(start: () => Promise<Runtime>, measure: (runtime: Runtime) => Promise<void>): Promise<void> {
  for (let n = 0; n < PROCESSES; n++) {
    const runtime = await start();
    try {
      await measure(runtime);
    } finally {
      await runtime.stop();
    }
  }
}

type SampleLists = Record<"latency" | "cpu" | "perSecond" | "busyCpu", number[]>;

/** What is measured in each round, for each side. */
class Samples {
  readonly #lists = new Map<string, SampleLists>();

  of(side: string): SampleLists {
    const lists = this.#lists.get(side) ?? { latency: [], cpu: [], perSecond: [], busyCpu: [] };
    this.#lists.set(side, lists);
    return lists;
  }

  all(): (SampleLists & { name: string })[] {
    return [...this.#lists].map(([name, lists]) => ({ name, ...lists }));
  }
}
