/**
 * Closes the sockets of viewers whose lease, session or password is no longer valid: docs/API.md "The end of a socket".
 */
import type { Settings } from "../config.ts";
import { Close } from "../protocol/close.ts";
import { termsOf } from "./connection-state.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";
import { inTime } from "./in-time.ts";
import { SweepPlan } from "./sweep.ts";
import type { Viewers } from "./viewers.ts";

/** How long a sweep waits for the registry, in milliseconds. Sweeps of agents wait meanwhile. */
const ANSWER_WITHIN_MS = 5_000;

export interface ViewerSweepParts {
  readonly settings: Settings;
  /** Viewers beat in the same window as the hub's agents, so that the hub wakes once for both. */
  readonly window: HeartbeatWindow;
  /** When this session ends if nobody uses it; null if it is over. Asks the registry. */
  readonly sessionEnd: (idHash: string) => Promise<number | null>;
  /** The hash of the present admin password, as in `Viewer` of registry/viewer-header.ts. */
  readonly passwordHash: () => Promise<string>;
}

export class ViewerSweep {
  readonly #parts: ViewerSweepParts;
  readonly #viewers: Viewers;
  readonly #plan: SweepPlan;
  /** When the last sweep was. Kept in memory only: a hub that wakes may sweep at once. */
  #sweptAt = 0;

  constructor(parts: ViewerSweepParts, viewers: Viewers) {
    this.#parts = parts;
    this.#viewers = viewers;
    this.#plan = new SweepPlan(parts.window, termsOf(parts.settings));
  }

  /** Sweeps, unless the last sweep was just now. */
  async sweepIfDue(now: number): Promise<void> {
    if (now < this.#plan.notBefore(this.#sweptAt, now)) return;
    this.#sweptAt = now;
    for (const viewer of this.#viewers.all()) {
      if (viewer.leaseEnd() <= now) this.#viewers.end(viewer, Close.leaseExpired);
    }
    await this.#checkPasswords();
    await this.#checkSessions(now);
  }

  /** When the next sweep is due; null if there is no viewer. */
  dueAt(now: number): number | null {
    const times = this.#viewers.all().map((viewer) => {
      const [lastSeen, leaseEnd] = [viewer.lastSeen(), viewer.leaseEnd()];
      // A viewer is never shown as late, so `lateAt` is the end of its lease.
      const beats = { isAligned: true, isCorrected: false, lastSeen, lateAt: leaseEnd, leaseEnd };
      return this.#plan.dueAt(beats, this.#sweptAt, now);
    });
    return times.length === 0 ? null : Math.min(...times);
  }

  async #checkPasswords(): Promise<void> {
    if (this.#viewers.size === 0) return;
    const passwordHash = await this.#parts.passwordHash();
    for (const viewer of this.#viewers.all()) {
      if (viewer.state.passwordHash !== passwordHash) this.#viewers.end(viewer, Close.sessionOver);
    }
  }

  /** Asks the registry once for each session that is due to end. The session lives on if it was used meanwhile. */
  async #checkSessions(now: number): Promise<void> {
    const due = new Set<string>();
    for (const { state } of this.#viewers.all()) {
      if (state.session !== null && state.session.endsAt <= now) due.add(state.session.idHash);
    }
    await Promise.all([...due].map((idHash) => this.checkSession(idHash)));
  }

  /** Asks when the session ends. Closes its viewers if it is over. */
  async checkSession(idHash: string): Promise<void> {
    let endsAt: number | null;
    try {
      endsAt = await inTime(this.#parts.sessionEnd(idHash), ANSWER_WITHIN_MS);
    } catch {
      return; // The registry cannot be reached. The next sweep asks again.
    }
    for (const viewer of this.#viewers.ofSession(idHash)) {
      if (endsAt === null) {
        this.#viewers.end(viewer, Close.sessionOver);
      } else {
        viewer.state.session = { idHash, endsAt };
        viewer.save();
      }
    }
  }
}
