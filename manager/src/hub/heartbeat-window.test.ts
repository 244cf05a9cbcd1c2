import { describe, expect, it } from "vitest";
import { HeartbeatWindow } from "./heartbeat-window.ts";

const NOW = 1_790_000_000_000;
const AGENTS = Array.from({ length: 4_000 }, (_, n) => `agent-${n}`);

describe.each([
  ["hub-0", 30_000],
  ["hub-7", 30_000],
  ["hub-0", 1_000],
])("the window of %s at an interval of %i ms", (name, intervalMs) => {
  const window = new HeartbeatWindow(name, intervalMs);

  it("is the same part of every interval", () => {
    const opened = window.openedAt(NOW);
    for (const later of [0, 1, intervalMs - 1]) expect(window.openedAt(opened + later)).toBe(opened);
    expect(window.openedAt(opened - 1)).toBe(opened - intervalMs);
    expect(window.openedAt(opened + intervalMs)).toBe(opened + intervalMs);
    expect(window.opensNext(opened)).toBe(opened + intervalMs);
  });

  it("gets the next beat of every agent, whenever that is asked", () => {
    for (const [n, agent] of AGENTS.entries()) {
      const now = NOW + n * 37;
      const delay = window.delayMs(agent, now);
      expect(delay).toBeGreaterThan(0);
      expect(delay).toBeLessThanOrEqual(intervalMs);
      const beat = now + delay;
      expect(beat - window.openedAt(beat)).toBeLessThan(window.lengthMs);
      expect(window.isOff(agent, beat)).toBe(false);
      expect(window.delayMs(agent, beat)).toBe(intervalMs);
    }
  });

  it("spreads the agents evenly", () => {
    const tenths = Array<number>(10).fill(0);
    for (const agent of AGENTS) {
      const beat = NOW + window.delayMs(agent, NOW);
      const tenth = Math.floor(((beat - window.openedAt(beat)) * 10) / window.lengthMs);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const agents of tenths) expect(agents).toBeGreaterThan(AGENTS.length / 20);
  });

  it("tells a beat that is off from one that is a little late or early", () => {
    for (const agent of AGENTS.slice(0, 100)) {
      const beat = NOW + window.delayMs(agent, NOW);
      for (const ms of [-window.lengthMs * 0.4, window.lengthMs * 0.4])
        expect(window.isOff(agent, beat + ms)).toBe(false);
      for (const ms of [-window.lengthMs * 0.6, window.lengthMs * 0.6, intervalMs / 2]) {
        expect(window.isOff(agent, beat + ms)).toBe(true);
      }
    }
  });
});

it("hubs do not all beat at once", () => {
  const opened = Array.from({ length: 8 }, (_, n) => new HeartbeatWindow(`hub-${n}`, 30_000).openedAt(NOW));
  expect(new Set(opened).size).toBe(8);
});
