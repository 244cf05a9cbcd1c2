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

/** Echoes of the hub, of two objects to compare it with, and of NATS. */
export async function measureMessages(
  runtime: Runtime,
  binaries: { load: string; nats: string },
  rounds: number,
): Promise<MessageFigures[]> {
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

    for (const { load } of sides) await load.order({ do: "flight", group: "one", count: WARM_UP, inFlight: IN_FLIGHT });
    const measured = sides.map((side) => ({ ...side, ...newSamples() }));
    for (let round = 0; round < rounds; round++) {
      for (const { load, serverPid, latency, cpu, perSecond, busyCpu } of measured) {
        const before = await cpuMs(serverPid);
        const echo = await load.order({ do: "echo", group: "one", count: ECHOES });
        const between = await cpuMs(serverPid);
        const flight = await load.order({ do: "flight", group: "one", count: FLIGHTS, inFlight: IN_FLIGHT });
        const after = await cpuMs(serverPid);
        latency.push(echo.medianUs ?? Number.NaN);
        cpu.push(((between - before) * 1000) / ECHOES);
        perSecond.push(FLIGHTS / (flight.ms / 1000));
        busyCpu.push(((after - between) * 1000) / FLIGHTS);
      }
    }
    return measured.map(({ name, latency, cpu, perSecond, busyCpu }) => ({
      name,
      latencyUs: spread(latency),
      cpuUs: spread(cpu),
      perSecond: spread(perSecond),
      busyCpuUs: spread(busyCpu),
    }));
  } finally {
    await Promise.all([...sides.map(({ load }) => load.end()), nats.end()]);
  }
}

/** An operator's request by HTTP to an agent and back, and the same path through a bare object. */
export async function measureAsks(runtime: Runtime, binary: string, rounds: number): Promise<AskFigures[]> {
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
    const measured = sides.map((side) => ({ ...side, ...newSamples() }));
    for (let round = 0; round < rounds; round++) {
      for (const { order, latency, cpu } of measured) {
        const before = await cpuMs(runtime.pid);
        const { medianUs } = await load.order(order);
        latency.push(medianUs ?? Number.NaN);
        cpu.push((((await cpuMs(runtime.pid)) - before) * 1000) / ASKS);
      }
    }
    return measured.map(({ name, latency, cpu }) => ({ name, latencyUs: spread(latency), cpuUs: spread(cpu) }));
  } finally {
    await load.end();
  }
}

/** What is measured in each round. */
function newSamples(): Record<"latency" | "cpu" | "perSecond" | "busyCpu", number[]> {
  return { latency: [], cpu: [], perSecond: [], busyCpu: [] };
}
