/** Writes transitions from the hub's own store to the registry. Each stays in the store until the registry has it. */
import type { Log } from "../log.ts";
import { newest, type Transition } from "../presence/presence.ts";
import type { StaleConnection } from "../registry/transitions.ts";
import type { Alarm } from "./alarm.ts";

/** The largest number of transitions in one write. Transitions that arrive during a write go into the next one. */
const BATCH = 500;
/** How long a write may take, in milliseconds. D1 has the same limit for a query. */
const WRITE_TIMEOUT_MS = 30_000;
/** A failed flush is tried again after this time. */
const RETRY_MS = 5_000;

/** After this many failed flushes in a row, the outbox looks for transitions that the registry rejects. */
const TRIES_BEFORE_PARKING = 3;

interface Row {
  readonly seq: number;
  readonly transition: Transition;
}

/** A transition that the registry rejected, as an operator sees it. */
export interface ParkedTransition {
  /** When it was parked; Unix milliseconds. */
  readonly at: number;
  readonly error: string;
  readonly transitionJson: string;
}

/** The part of the hub's store that keeps transitions. */
export interface TransitionStore {
  append(transition: Transition): void;
  /** Whether there are transitions that the registry does not have yet. */
  readonly hasUnflushed: boolean;
  /** The oldest transitions that the registry does not have yet, in order. A negative limit means all. */
  unflushed(limit: number): Row[];
  /** Deletes the transitions with these numbers. */
  deleteFlushed(seqs: readonly number[]): void;
  /** Moves a transition aside, so that it does not hold up the others. Operators can read it. */
  park(seq: number, error: string): void;
}

export interface OutboxParts {
  readonly store: TransitionStore;
  /** Writes transitions to the registry. Returns the stale connections: the registry cannot show them. */
  readonly write: (transitions: readonly Transition[]) => Promise<StaleConnection[]>;
  readonly alarm: Pick<Alarm, "ringBy" | "isSet">;
  /** Keeps the object alive until a flush is done. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /**
   * Called for each stale connection. There are two kinds. First: an agent is removed or revoked. This is written to
   * the registry, and then the agent's connections are closed. A connection that was admitted before the write and
   * registered after the close is stale. Second: a connection registered after a newer connection of its agent had come
   * and ended. The API would never show it.
   */
  readonly onStale: (connection: StaleConnection) => void;
  readonly log: Log;
  readonly writeTimeoutMs?: number;
}

export class Outbox {
  readonly #parts: OutboxParts;
  #flushing: Promise<void> | null = null;
  /** How many flushes have failed in a row. */
  #failures = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Whether the registry has every transition. */
  get isEmpty(): boolean {
    return !this.#parts.store.hasUnflushed;
  }

  /** The newest transition of each agent that the registry does not have yet. */
  pending(): Map<string, Transition> {
    return newest(transitions(this.#parts.store.unflushed(-1)));
  }

  /**
   * Stores a transition and starts a flush. It also sets an alarm, in case this object ends before the flush is done.
   */
  push(transition: Transition): void {
    const { store, alarm, waitUntil } = this.#parts;
    store.append(transition);
    if (!alarm.isSet) alarm.ringBy(Date.now() + RETRY_MS);
    // While the registry fails, transitions wait for the next alarm. A try per transition would flood the registry and
    // the log.
    if (this.#failures === 0) waitUntil(this.flush());
  }

  /** Flushes until the outbox is empty or the registry fails. After a failure, an alarm starts the next try. */
  async flush(): Promise<void> {
    // Loops, because a transition that arrives just as a flush ends would otherwise wait for the alarm.
    do await this.#flushOnce();
    while (!this.isEmpty && this.#failures === 0);
    if (!this.isEmpty) this.#parts.alarm.ringBy(Date.now() + RETRY_MS);
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
    // A write that timed out may still take effect. That is safe: the same write a second time changes nothing.
    const stale = await withTimeout(writeTimeoutMs, write(transitions(rows)));
    store.deleteFlushed(rows.map(({ seq }) => seq));
    stale.forEach(onStale);
  }

  /**
   * Splits the rows in halves until every rejected row is alone. It writes the good rows and parks the rejected ones,
   * because one bad row must not hold up the others.
   * @returns false if the registry fails even at a write without rows: then the rows are not the cause
   */
  async #parkRejected(rows: readonly Row[], error: unknown): Promise<boolean> {
    const { store, log } = this.#parts;
    if (!(await this.report())) return false;
    const [first] = rows;
    if (rows.length === 1 && first !== undefined) {
      const { seq, transition } = first;
      log.error("the registry rejects a transition; it is parked", { agent: transition.agentId, error });
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

  /**
   * Writes the number of parked transitions to the registry, without any transition. Returns whether the write
   * succeeded.
   */
  async report(): Promise<boolean> {
    const { write, writeTimeoutMs = WRITE_TIMEOUT_MS } = this.#parts;
    return withTimeout(writeTimeoutMs, write([])).then(
      () => true,
      () => false,
    );
  }
}

/**
 * Limits the time of a write. Without it, one write that is never answered would block the outbox and the alarm for
 * ever.
 */
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
