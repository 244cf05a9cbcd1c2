/** What `make bench` found, beside the targets: docs/BENCHMARKS.md "The manager". */
import type { CompiledFigures } from "./compiled-agents.ts";
import type { DevServerFigures } from "./dev-server.ts";
import { printTable, range, ratio, type Spread, spread } from "./figures.ts";
import type { HeapFigures } from "./heap.ts";
import type { AskFigures, MessageFigures } from "./messages.ts";
import type { ScaleFigures } from "./scale.ts";

export interface Figures {
  messages: MessageFigures[];
  asks: AskFigures[];
  compiled: CompiledFigures;
  scale: ScaleFigures[];
  /** How each figure grows with the number of agents. */
  exponents: Record<string, Spread>;
  heap: HeapFigures[];
  devServer: DevServerFigures[];
}

/** A figure of the manager for which there is a target. */
export interface Outcome {
  what: string;
  /** With what the figure is compared; null if it has a unit of its own. */
  beside: string | null;
  /** How many times the other's it is. */
  figure: Spread;
  target: string;
  met: boolean;
}

const BARE = "bare object";
const PARSING = "parses and prints";
const VERIFIED = "least verification";

const cpu = ({ cpuUs }: MessageFigures) => cpuUs;
const busyCpu = ({ busyCpuUs }: MessageFigures) => busyCpuUs;
const perSecond = (figures: { perSecond: Spread }) => figures.perSecond;
const latency = ({ latencyUs }: { latencyUs: Spread }) => latencyUs;
const oneAtATime = ({ latencyUs }: { latencyUs: Spread }) => inverse(latencyUs);
const connects = ({ connectMs }: ScaleFigures) => inverse(connectMs);
const memory = ({ kibPerAgent }: ScaleFigures) => spread([kibPerAgent]);
const fanout = ({ fanoutMs }: ScaleFigures) => fanoutMs;
const list = ({ listMs }: ScaleFigures) => listMs;

export function outcomes({ messages, asks, scale, exponents, heap, devServer }: Figures): Outcome[] {
  const most = Math.max(...scale.map(({ size }) => size));
  const all = scale.filter(({ size }) => size === most);
  const { connected, woken } = named(heap, "manager");
  return [
    atMost(1.2, "CPU of the server per echo", BARE, compared(messages, BARE, cpu)),
    atMost(1.1, "CPU of the server per echo", PARSING, compared(messages, PARSING, cpu)),
    atMost(1.2, "the same, 100 on their way", BARE, compared(messages, BARE, busyCpu)),
    atMost(1.1, "the same, 100 on their way", PARSING, compared(messages, PARSING, busyCpu)),
    atLeast(0.9, "echoes a second, 100 on their way", BARE, compared(messages, BARE, perSecond)),
    atMost(1.25, "time of an operator's request", BARE, compared(asks, BARE, latency)),
    atMost(1.1, `time of a fan-out to ${most}`, VERIFIED, compared(all, VERIFIED, fanout)),
    atLeast(0.95, `agents connected a second, of ${most}`, VERIFIED, compared(all, VERIFIED, connects)),
    atMost(1.05, `memory of an agent, of ${most}`, VERIFIED, compared(all, VERIFIED, memory)),
    atMost(0.5, "KiB of JavaScript heap of an agent", null, spread([connected])),
    atMost(0.5, "the same after a hibernation", null, spread([woken])),
    atMost(3, `time of the list of ${most}`, VERIFIED, compared(all, VERIFIED, list)),
    atLeast(0.85, "echoes a second under `wrangler dev`", BARE, compared(devServer, BARE, oneAtATime)),
    atLeast(0.85, "the same, 100 on their way", BARE, compared(devServer, BARE, perSecond)),
    ...Object.entries(exponents).map(([name, exponent]) =>
      atMost(1.05, `growth with the agents, as an exponent: ${name}`, null, exponent),
    ),
  ];
}

/** Prints all figures as tables of Markdown. */
export function print(figures: Figures): void {
  const { messages, asks, compiled, scale, heap, devServer } = figures;
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
  console.log();
  printTable(
    ["figure of the manager", "as a multiple of that of", "target", "this run", "met"],
    outcomes(figures).map(({ what, beside, figure, target, met }) => [
      ...[what, beside ?? "–", target, range(figure, "", 2), met ? "yes" : "**no**"],
    ]),
  );
  console.log(`\nThe benchmark took ${Math.round(performance.now() / 1000)} s.`);
}

function atMost(bound: number, what: string, beside: string | null, figure: Spread): Outcome {
  return { what, beside, figure, target: `at most ${bound}`, met: figure.median <= bound };
}

function atLeast(bound: number, what: string, beside: string | null, figure: Spread): Outcome {
  return { what, beside, figure, target: `at least ${bound}`, met: figure.median >= bound };
}

/** How many times the other's the manager's figure is. */
function compared<T extends { name: string }>(figures: readonly T[], other: string, of: (figure: T) => Spread): Spread {
  return ratio(of(named(figures, "manager")), of(named(figures, other)));
}

/** How often a time fits into a unit of time. */
function inverse({ rounds }: Spread): Spread {
  return spread(rounds.map((time) => 1 / time));
}

function named<T extends { name: string }>(figures: readonly T[], name: string): T {
  const found = figures.find((figure) => figure.name === name);
  if (found === undefined) throw new Error(`nothing was measured for ${name}`);
  return found;
}
