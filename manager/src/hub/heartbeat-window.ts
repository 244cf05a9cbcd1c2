/**
 * When the agents of one hub beat: docs/PROTOCOL.md "agent.heartbeat". All beats of an interval fall into the same few seconds,
 * so that one sweep after them sees who is alive, and the hub can sleep until the next. The window follows from the clock and the
 * hub's name: nothing is stored.
 */
import { hash } from "./placement.ts";

/** Beats of one hub fall into this time, or a sixth of the interval if that is less. */
const LONGEST_WINDOW_MS = 5_000;
/** {@link HeartbeatWindow.toleranceMs} as a part of the window. */
const TOLERANCE = 0.5;

export class HeartbeatWindow {
  readonly intervalMs: number;
  readonly lengthMs: number;
  /** How far outside of the window a beat may be. */
  readonly toleranceMs: number;
  readonly #phaseMs: number;

  constructor(hubName: string, intervalMs: number) {
    this.intervalMs = intervalMs;
    this.lengthMs = Math.min(LONGEST_WINDOW_MS, Math.floor(intervalMs / 6));
    this.toleranceMs = this.lengthMs * TOLERANCE;
    this.#phaseMs = hash(hubName) % intervalMs;
  }

  /** When the window began that is open at `now`, or was last; Unix milliseconds, as all times here. */
  openedAt(now: number): number {
    return now - this.#position(now);
  }

  /** From when on a sign of life confirms an agent in the window that is open at `now`, or was last: its beat may be a little early. */
  confirmsFrom(now: number): number {
    return this.openedAt(now) - this.toleranceMs;
  }

  /** Whether `at` is in the window that is open at `now`, or was last, or a little off it. */
  has(at: number, now: number): boolean {
    const opened = this.openedAt(now);
    return at >= opened - this.toleranceMs && at <= opened + this.lengthMs + this.toleranceMs;
  }

  /** When the window begins after that. */
  opensNext(now: number): number {
    return this.openedAt(now) + this.intervalMs;
  }

  /** How long until the agent's next beat; more than 0. The agents of a hub are spread over the window. */
  delayMs(agentId: string, now: number): number {
    const delay = this.#offset(agentId) - this.#position(now);
    return delay > 0 ? delay : delay + this.intervalMs;
  }

  /** From when on a beat counts as one of the schedule that begins in `delayMs`: earlier ones are of no schedule. */
  scheduleFrom(now: number, delayMs: number): number {
    return now + delayMs - this.toleranceMs;
  }

  /** Whether a beat at `at` is so far from the agent's place in the window that it needs a correction. */
  isOff(agentId: string, at: number): boolean {
    const distance = Math.abs(this.#position(at) - this.#offset(agentId));
    return Math.min(distance, this.intervalMs - distance) > this.toleranceMs;
  }

  /** How far `at` is into its interval, which begins with a window. */
  #position(at: number): number {
    const position = (at - this.#phaseMs) % this.intervalMs;
    return position < 0 ? position + this.intervalMs : position;
  }

  #offset(agentId: string): number {
    return hash(agentId) % this.lengthMs;
  }
}
