import { expect, test } from "vitest";
import { spread } from "./figures.ts";
import { type Figures, outcomes } from "./report.ts";

const none = spread([1]);
const echoes = { latencyUs: none, cpuUs: none, perSecond: none, busyCpuUs: none };
const agents = { kibPerAgent: 1, fanoutMs: none, listMs: none, listBytes: 1 };

/** The manager is asked in as many rounds as the objects beside it. */
const figures: Figures = {
  messages: [
    { ...echoes, name: "manager", perSecond: spread([80, 190]) },
    { ...echoes, name: "bare object", perSecond: spread([100, 200]) },
    { ...echoes, name: "parses and prints" },
  ],
  asks: ["manager", "bare object"].map((name) => ({ ...echoes, name })),
  compiled: { agents: 1, onlineMs: none, latencyUs: none, cpuUs: none },
  scale: [
    { ...agents, name: "manager", size: 10, connectMs: spread([1]) },
    { ...agents, name: "least verification", size: 10, connectMs: spread([1]) },
    { ...agents, name: "manager", size: 20, connectMs: spread([4]) },
    { ...agents, name: "least verification", size: 20, connectMs: spread([2]) },
  ],
  exponents: { list: spread([1.06]) },
  heap: [{ name: "manager", size: 20, connected: 0.8, woken: 0.2 }],
  devServer: ["manager", "bare object"].map((name) => ({ ...echoes, name })),
};

test.each([
  ["echoes a second, 100 on their way", [0.8, 0.95], false],
  ["agents connected a second, of 20", [0.5], false],
  ["time of an operator's request", [1], true],
  ["KiB of JavaScript heap of an agent", [0.8], false],
  ["the same after a hibernation", [0.2], true],
  ["growth with the agents, as an exponent: list", [1.06], false],
])("%s", (what, rounds, met) => {
  const outcome = outcomes(figures).find((found) => found.what === what);
  expect(outcome?.figure).toEqual(spread(rounds));
  expect(outcome?.met).toBe(met);
});
