/** When a hub has to look at its connections. A sweep ends the leases that have run out; the hub sleeps in between. */
import type { Terms } from "./connection-state.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";

/** Connections whose beats come at any time cost at most one sweep in this time. */
const UNALIGNED_GAP_MS = 10_000;
/** Sweeps are at least this far apart, whatever they are for. */
const LEAST_GAP_MS = 5_000;

/** What a sweep has to know of a connection. Times are Unix milliseconds. */
export interface Swept {
  readonly isRegistered: boolean;
  /** Whether its agent beats in the hub's window. */
  readonly isAligned: boolean;
  readonly lastSeen: number;
  readonly leaseEnd: number;
}

export class SweepPlan {
  readonly #window: HeartbeatWindow;
  /** How long after a window has opened all of its beats should have come. */
  readonly #settledMs: number;
  readonly #unalignedGapMs: number;
  readonly #leastGapMs: number;

  constructor(window: HeartbeatWindow, { heartbeatIntervalMs, leaseMs }: Terms) {
    this.#window = window;
    this.#settledMs = Math.min(10_000, leaseMs - heartbeatIntervalMs);
    this.#unalignedGapMs = Math.min(UNALIGNED_GAP_MS, leaseMs / 4);
    this.#leastGapMs = Math.min(LEAST_GAP_MS, leaseMs / 8);
  }

  /** Whether a sweep may run now. */
  mayRun(sweptAt: number, now: number): boolean {
    // A clock that was set back must not keep sweeps away.
    return now >= sweptAt + this.#leastGapMs || now < sweptAt;
  }

  /**
   * When the connection has to be looked at next.
   * @param lastSweep when the last sweep was
   */
  dueAt({ isRegistered, isAligned, lastSeen, leaseEnd }: Swept, lastSweep: number, now: number): number {
    const sweptAt = Math.min(lastSweep, now);
    // Rounded up, so that many connections that never register cost one alarm a second at most.
    if (!isRegistered) return Math.ceil(leaseEnd / 1000) * 1000;
    if (!isAligned) return Math.max(leaseEnd, sweptAt + this.#unalignedGapMs);
    const settled = this.#window.openedAt(now) + this.#settledMs;
    if (now < settled) return Math.max(settled, sweptAt + this.#leastGapMs);
    // It has given a sign of life in this window. The sweep after the next window sees whether it does again.
    if (lastSeen >= this.#window.confirmsFrom(now)) return this.#window.opensNext(now) + this.#settledMs;
    return Math.max(leaseEnd, sweptAt + this.#leastGapMs);
  }
}
