/** When a hub has to look at its connections. A sweep ends the leases that have run out; the hub sleeps in between. */
import type { Terms } from "./connection-state.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";

/**
 * The sweep before one for connections that beat at any time is at least this long ago. A live one gives a sign of life
 * every 30 s and has a lease of 40 s, so that such sweeps are about 10 s apart.
 */
const UNALIGNED_GAP_MS = 7_000;
/** Sweeps are at least this far apart, whatever they are for. */
const LEAST_GAP_MS = 5_000;

/** What a sweep has to know of a connection. Times are Unix milliseconds. */
export interface Swept {
  /** Whether its agent beats in the hub's window. */
  readonly isAligned: boolean;
  /** Whether it has just been told to beat at once, because its beats had left the window. */
  readonly isCorrected: boolean;
  readonly lastSeen: number;
  readonly lateAt: number;
  readonly leaseEnd: number;
}

export class SweepPlan {
  readonly #window: HeartbeatWindow;
  /** How long after a window has opened all of its beats should have come. */
  readonly #settledMs: number;
  readonly #intervalMs: number;
  readonly #unalignedGapMs: number;
  readonly #leastGapMs: number;

  constructor(window: HeartbeatWindow, { heartbeatIntervalMs, leaseMs }: Terms) {
    this.#window = window;
    this.#settledMs = Math.min(10_000, leaseMs - heartbeatIntervalMs);
    this.#intervalMs = heartbeatIntervalMs;
    this.#unalignedGapMs = Math.min(UNALIGNED_GAP_MS, Math.floor((leaseMs * 7) / 40));
    this.#leastGapMs = Math.min(LEAST_GAP_MS, leaseMs / 8);
  }

  /** When the next sweep may run at the earliest. */
  notBefore(sweptAt: number, now: number): number {
    // A clock that was set back must not keep sweeps away.
    return now < sweptAt ? now : sweptAt + this.#leastGapMs;
  }

  /** When a sweep is due in any case: all beats of the window that is open, or opens next, have come. */
  nextSettled(now: number): number {
    const settled = this.#window.openedAt(now) + this.#settledMs;
    return now < settled ? settled : this.#window.opensNext(now) + this.#settledMs;
  }

  /**
   * Whether a beat at `beatAt` shows that its agent is alive and beats in the window, so that nobody need look at it before
   * the {@link nextSettled} time. Any agent of the hub may be asked about, without its state.
   */
  isConfirmedBy(beatAt: number, now: number): boolean {
    const settled = this.#window.openedAt(now) + this.#settledMs;
    return this.#window.has(beatAt, now) || (now < settled && this.#window.has(beatAt, now - this.#intervalMs));
  }

  /**
   * When a registered connection has to be looked at next.
   * @param lastSweep when the last sweep was
   */
  dueAt(connection: Swept, lastSweep: number, now: number): number {
    const { isAligned, isCorrected, lastSeen, leaseEnd } = connection;
    const sweptAt = Math.min(lastSweep, now);
    if (!isAligned) {
      const change = now < lastSeen + this.#intervalMs + this.#settledMs / 10 ? leaseEnd : nextChange(connection, now);
      return Math.max(change, sweptAt + this.#unalignedGapMs);
    }
    const settled = this.#window.openedAt(now) + this.#settledMs;
    if (now < settled) return Math.max(Math.min(settled, leaseEnd), sweptAt + this.#leastGapMs);
    // It has given a sign of life in this window. The sweep after the next window sees whether it does again.
    const early = isCorrected ? this.#window.toleranceMs : 0;
    if (lastSeen >= this.#window.confirmsFrom(now) - early) return this.nextSettled(now);
    return Math.max(nextChange(connection, now), sweptAt + this.#leastGapMs);
  }
}

/** When a connection that stays silent is late, or, if it is, when its lease ends. */
function nextChange({ lateAt, leaseEnd }: Swept, now: number): number {
  return now < lateAt ? lateAt : leaseEnd;
}
