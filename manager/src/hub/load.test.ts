import { describe, expect, it } from "vitest";
import { Load } from "./load.ts";

const CAPACITY = 1_000;
const NOW = 1_790_000_000_000;

/** Sends `frames` frames at one time. Returns how many were admitted. */
function send(load: Load, id: string, frames: number, now = NOW, bytes = 100): number {
  let admitted = 0;
  for (let n = 0; n < frames; n++) if (load.admit(id, bytes, now)) admitted++;
  return admitted;
}

describe("a hub that is nearly full", () => {
  it("refuses the heaviest sender first and serves the others", () => {
    const load = new Load(CAPACITY);
    for (let n = 0; n < 10; n++) load.admit(`quiet-${n}`, 100, NOW);
    expect(send(load, "loud", 5_000)).toBeLessThan(CAPACITY);
    for (let n = 0; n < 10; n++) expect(load.admit(`quiet-${n}`, 100, NOW)).toBe(true);
    expect(load.admit("newcomer", 100, NOW)).toBe(true);
  });

  it("gives equal shares to equal senders", () => {
    const load = new Load(CAPACITY);
    const senders = Array.from({ length: 100 }, (_, n) => `loud-${n}`);
    for (const now of [NOW, NOW + 1_000]) {
      const had = new Map<string, number>();
      for (let turn = 0; turn < 50; turn++) {
        for (const id of senders) had.set(id, (had.get(id) ?? 0) + send(load, id, 1, now));
      }
      expect(Math.max(...had.values()) - Math.min(...had.values())).toBeLessThanOrEqual(1);
      expect([...had.values()].reduce((sum, n) => sum + n)).toBeLessThanOrEqual(CAPACITY);
    }
  });

  it("counts a large frame as several", () => {
    const load = new Load(CAPACITY);
    send(load, "other", 1);
    expect(send(load, "large", 5_000, NOW, 65_536)).toBeLessThan(CAPACITY / 8);
  });
});

it("a hub with room refuses nobody, and each window starts from zero", () => {
  const load = new Load(CAPACITY);
  for (let second = 0; second < 5; second++) {
    expect(send(load, "busy", CAPACITY * 0.8, NOW + second * 1_000)).toBe(CAPACITY * 0.8);
  }
  // If the clock was set back, a new window starts too.
  expect(send(load, "busy", 10, NOW - 3_600_000)).toBe(10);
});

it("a frame that costs more than a hub can serve in a second still passes as a sender's first", () => {
  const load = new Load(100);
  expect(load.admit("large", 1_048_576, NOW)).toBe(true);
  expect(load.admit("large", 1_048_576, NOW)).toBe(false);
});
