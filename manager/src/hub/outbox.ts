/** Carries transitions from a hub's own store to the registry. Each stays in the store until the registry has it. */
import type { Log } from "../log.ts";
import { newest, type Transition } from "../presence/presence.ts";
import type { StaleConnection } from "../registry/transitions.ts";
import type { Alarm } from "./alarm.ts";

/** Transitions written at once; those that arrive during a write go with the next one. */
const BATCH = 500;
/** How long the registry may take for a batch, in milliseconds: as long as D1 gives a query itself. */
const WRITE_TIMEOUT_MS = 30_000;
/** How long until a failed flush is tried again. */
const RETRY_MS = 5_000;

/** Failed flushes in a row after which the outbox looks for transitions that the registry rejects. */
const TRIES_BEFORE_PARKING = 3;

interface Row {
  readonly seq: number;
  readonly transition: Transition;
}

/** A transition that the registry rejected, as an operator is shown it. */
export interface ParkedTransition {
  /** When it was parked; Unix milliseconds. */
  readonly at: number;
  readonly error: string;
  readonly transitionJson: string;
}

/** The part of the hub's store that keeps transitions. */
export interface TransitionStore {
  append(transition: Transition): void;
  /** Whether there are transitions that the registry has not got. */
  readonly hasUnflushed: boolean;
  /** The oldest transitions that the registry has not got, in order; all of them for a negative limit. */
  unflushed(limit: number): Row[];
  /** Forgets the transitions with these numbers. */
  flushed(seqs: readonly number[]): void;
  /** Takes a transition out of the way of the others, and keeps it for people. */
  park(seq: number, error: string): void;
}

export interface OutboxParts {
  readonly store: TransitionStore;
  /** Writes transitions to the registry, and returns the connections that it has no place for. */
  readonly write: (transitions: readonly Transition[]) => Promise<StaleConnection[]>;
  readonly alarm: Pick<Alarm, "by" | "isSet">;
  /** Keeps the object alive until a flush is done. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /**
   * Told of each connection that the registry has no place for. A removal writes the registry first and closes
   * connections after it, so a connection that was admitted before the first and registered after the second is found
   * here. So is one that registered after a newer one had ended: no reader would ever be shown it.
   */
  readonly onStale: (connection: StaleConnection) => void;
  readonly log: Log;
  readonly writeTimeoutMs?: number;
}

export class Outbox {
  readonly #parts: OutboxParts;
  #flushing: Promise<void> | null = null;
  /** Flushes that have failed in a row. */
  #failures = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Whether the registry has got every transition. */
  get isEmpty(): boolean {
    return !this.#parts.store.hasUnflushed;
  }

  /** The newest unflushed transition of each agent. */
  pending(): Map<string, Transition> {
    return newest(transitions(this.#parts.store.unflushed(-1)));
  }

  /** Stores a transition, then sends it on its way. An alarm is set in case this object ends before it gets there. */
  push(transition: Transition): void {
    const { store, alarm, waitUntil } = this.#parts;
    store.append(transition);
    if (!alarm.isSet) alarm.by(Date.now() + RETRY_MS);
    // While the registry fails, transitions wait for the next try: one try each would storm it and fill the log.
    if (this.#failures === 0) waitUntil(this.flush());
  }

  /** Flushes until the outbox is empty or the registry fails; then it is tried again at an alarm. */
  async flush(): Promise<void> {
    // A transition that came at the very moment a flush ended would otherwise wait for the alarm.
    do await this.#flushOnce();
    while (!this.isEmpty && this.#failures === 0);
    if (!this.isEmpty) this.#parts.alarm.by(Date.now() + RETRY_MS);
  }

  /** One flush runs at a time. */
  #flushOnce(): Promise<void> {
    this.#flushing ??= this.#writeBatches().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #writeBatches(): Promise<void> {
    const { store, log } = this.#parts;
    for (let rows = store.unflushed(BATCH); rows.length > 0; rows = store.unflushed(BATCH)) {
      try {
        await this.#write(rows);
      } catch (error) {
        this.#failures++;
        const isParked = this.#failures >= TRIES_BEFORE_PARKING && (await this.#parkRejected(rows, error));
        if (!isParked) {
          log.error("flushing presence to the registry failed; it will be tried again", { error });
          return;
        }
      }
      this.#failures = 0;
    }
  }

  async #write(rows: readonly Row[]): Promise<void> {
    const { store, write, onStale, writeTimeoutMs = WRITE_TIMEOUT_MS } = this.#parts;
    // A write that timed out may still be carried out: written again, it changes nothing.
    const stale = await withTimeout(writeTimeoutMs, write(transitions(rows)));
    store.flushed(rows.map(({ seq }) => seq));
    stale.forEach(onStale);
  }

  /**
   * Writes what the registry takes of these rows, half by half, and parks the rest: one bad row must not hold up the
   * others.
   * @returns false if the registry does not answer even when there is nothing to write: then nothing is wrong with the
   * rows
   */
  async #parkRejected(rows: readonly Row[], error: unknown): Promise<boolean> {
    const { store, log } = this.#parts;
    if (!(await this.report())) return false;
    const [first] = rows;
    if (rows.length === 1 && first !== undefined) {
      const { seq, transition } = first;
      log.error("the registry rejects a transition, which is parked", { agent: transition.agentId, error });
      store.park(seq, error instanceof Error ? error.message : String(error));
      return this.report();
    }
    const middle = Math.ceil(rows.length / 2);
    for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
      try {
        await this.#write(half);
      } catch (halfError) {
        if (!(await this.#parkRejected(half, halfError))) return false;
      }
    }
    return true;
  }

  /** A write of no transitions: it tells the registry how many are parked. Returns whether the registry took it. */
  async report(): Promise<boolean> {
    const { write, writeTimeoutMs = WRITE_TIMEOUT_MS } = this.#parts;
    return withTimeout(writeTimeoutMs, write([])).then(
      () => true,
      () => false,
    );
  }
}

/** Without a timeout, one write that is never answered would block the hub's outbox and its alarm for ever. */
async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function transitions(rows: readonly { transition: Transition }[]): Transition[] {
  return rows.map(({ transition }) => transition);
}
