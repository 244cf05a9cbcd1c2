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

/** The part of the hub's store that keeps transitions. */
export interface TransitionStore {
  append(transition: Transition): void;
  /** The oldest transitions that the registry has not got, in order; all of them for a negative limit. */
  unflushed(limit: number): { seq: number; transition: Transition }[];
  /** Forgets the transitions up to `seq`. */
  flushed(seq: number): void;
}

export interface OutboxParts {
  readonly store: TransitionStore;
  /** Writes transitions to the registry, and returns the connections that it has no place for. */
  readonly write: (transitions: readonly Transition[]) => Promise<StaleConnection[]>;
  readonly alarm: Pick<Alarm, "by" | "isSet">;
  /** Keeps the object alive until a flush is done. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /**
   * Told of each connection that the registry has no place for. A removal writes the registry first and closes connections
   * after it, so a connection that was admitted before the first and registered after the second is found here. So is one
   * that registered after a newer one had ended: no reader would ever be shown it.
   */
  readonly onStale: (connection: StaleConnection) => void;
  readonly log: Log;
  readonly writeTimeoutMs?: number;
}

export class Outbox {
  readonly #parts: OutboxParts;
  #flushing: Promise<void> | null = null;
  #failing = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Whether the registry has got every transition. */
  get isEmpty(): boolean {
    return this.#parts.store.unflushed(1).length === 0;
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
    if (!this.#failing) waitUntil(this.flush());
  }

  /** Flushes until the outbox is empty or the registry fails; then it is tried again at an alarm. */
  async flush(): Promise<void> {
    // A transition that came at the very moment a flush ended would otherwise wait for the alarm.
    do await this.#flushOnce();
    while (!this.isEmpty && !this.#failing);
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
    const { store, write, onStale, log, writeTimeoutMs = WRITE_TIMEOUT_MS } = this.#parts;
    for (let rows = store.unflushed(BATCH); rows.length > 0; rows = store.unflushed(BATCH)) {
      let stale: StaleConnection[];
      try {
        // A write that timed out may still be carried out: written again, it changes nothing.
        stale = await withTimeout(writeTimeoutMs, write(transitions(rows)));
      } catch (error) {
        log.error("flushing presence to the registry failed; it will be tried again", { error });
        this.#failing = true;
        return;
      }
      this.#failing = false;
      store.flushed(rows[rows.length - 1]?.seq ?? 0);
      stale.forEach(onStale);
    }
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
