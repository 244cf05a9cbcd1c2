/**
 * Writes transitions from the hub to the registry. Each stays in the hub's own store until the registry has it: at first
 * in the row of its connection, which is there in any case. If the registry fails, it moves to the table `outbox`.
 */
import type { Log } from "../log.ts";
import { newest, type Transition } from "../presence/presence.ts";
import type { StaleConnection, Written } from "../registry/transitions.ts";
import type { Alarm } from "./alarm.ts";
import { Crowd } from "./crowd.ts";
import { inTime, NoAnswerInTime } from "./in-time.ts";

/** The largest number of transitions in one write. Transitions that arrive during a write go into the next one. */
const BATCH = 500;
/**
 * While a crowd of agents comes or goes, writes begin this far apart, in milliseconds. Each is a transaction of the
 * registry, and holds up the admissions of the crowd. Other transitions are written at once.
 */
const CROWD_WRITES_EVERY_MS = 100;
/** How long a write may take, in milliseconds. D1 has the same limit for a query. */
const WRITE_TIMEOUT_MS = 30_000;
/** A failed flush is tried again after this time. */
const RETRY_MS = 5_000;

/** A transition is parked when the registry has rejected it this often while it took another write. */
const REJECTIONS_BEFORE_PARKING = 3;
/** If the registry rejects more than this many transitions of a batch, something else is wrong. Then none is parked. */
const MOST_REJECTED = 5;
/** A search for rejected transitions makes at most this many writes. */
const MOST_WRITES = 80;

interface Row {
  readonly seq: number;
  readonly transition: Transition;
}

/** A transition, and the connection that it begins or ends. */
export interface ConnectionTransition {
  readonly connectionId: string;
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
  /** Stores the end of a connection in its row. Returns false if it has no row. */
  endConnection(id: string, end: Transition): boolean;
  deleteConnections(ids: readonly string[]): void;
  append(transition: Transition): void;
  /** Whether there are appended transitions. */
  readonly hasUnflushed: boolean;
  /** The oldest appended transitions, in order. A negative limit means all. */
  unflushed(limit: number): Row[];
  /** Deletes the transitions with these numbers. */
  deleteFlushed(seqs: readonly number[]): void;
  /** Moves a transition aside, so that it does not hold up the others. Operators can read it. */
  park(seq: number, error: string): void;
}

export interface OutboxParts {
  readonly store: TransitionStore;
  /** Writes transitions to the registry. */
  readonly write: (transitions: readonly Transition[]) => Promise<Written>;
  /** Writes the number of parked transitions to the registry. It writes a row in any case. */
  readonly writeReport: () => Promise<void>;
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
  /** Called for each agent that has come or gone often since this time; Unix milliseconds. */
  readonly onBurst: (agentId: string, burstAt: number) => void;
  /** Called when the beginning of a connection is in the registry or in the table `outbox`. */
  readonly onArrivalStored: (connectionId: string) => void;
  readonly log: Log;
  readonly writeTimeoutMs?: number;
}

export class Outbox {
  readonly #parts: OutboxParts;
  /** Transitions that were never tried. The rows and attachments of their connections hold them too. */
  readonly #fresh: ConnectionTransition[] = [];
  /** Whether the table `outbox` has transitions. */
  #hasBacklog = false;
  #flushing: Promise<void> | null = null;
  /** When the last write of new transitions began; Unix milliseconds. */
  #wroteAt = 0;
  readonly #crowd = new Crowd(CROWD_WRITES_EVERY_MS);
  /** Whether the last flush failed. */
  #failing = false;
  /** How often the registry has rejected a transition, by its number. */
  readonly #rejections = new Map<number, number>();

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Looks for transitions that were stored before this object was loaded. */
  load(): void {
    this.#hasBacklog = this.#parts.store.hasUnflushed;
  }

  /** Whether the registry has every transition. */
  get isEmpty(): boolean {
    return this.#fresh.length === 0 && !this.#hasBacklog;
  }

  /** The newest transition of each agent that the registry does not have yet. */
  pending(): Map<string, Transition> {
    const backlog = this.#hasBacklog ? this.#parts.store.unflushed(-1) : [];
    return newest(transitions([...backlog, ...this.#fresh]));
  }

  /**
   * Stores a transition and starts a flush. It also sets an alarm, in case this object ends before the flush is done.
   * The row of a connection that begins must be stored before.
   */
  push(entry: ConnectionTransition): void {
    const { store, alarm, waitUntil } = this.#parts;
    const { connectionId, transition } = entry;
    this.#crowd.count(Date.now());
    const isStored = transition.status === "online" || store.endConnection(connectionId, transition);
    if (isStored && !this.#hasBacklog) this.#fresh.push(entry);
    else this.#append([entry]);
    if (!alarm.isSet) alarm.ringBy(Date.now() + RETRY_MS);
    // While the registry fails, transitions wait for the next alarm. A try per transition would flood the registry and
    // the log.
    if (!this.#failing) waitUntil(this.flush());
  }

  /** Flushes until the outbox is empty or the registry fails. After a failure, an alarm starts the next try. */
  async flush(): Promise<void> {
    // Loops, because a transition that arrives just as a flush ends would otherwise wait for the alarm.
    do await this.#flushOnce();
    while (!this.isEmpty && !this.#failing);
    if (!this.isEmpty) this.#parts.alarm.ringBy(Date.now() + RETRY_MS);
  }

  /** One flush runs at a time. */
  #flushOnce(): Promise<void> {
    this.#flushing ??= this.#writeBatches().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  /** Moves transitions from the rows of their connections to the table `outbox`. */
  #append(entries: readonly ConnectionTransition[]): void {
    if (entries.length === 0) return;
    for (const { transition } of entries) this.#parts.store.append(transition);
    this.#hasBacklog = true;
    this.#release(entries);
  }

  /** The rows and attachments of the connections need not hold these transitions any more. */
  #release(entries: readonly ConnectionTransition[]): void {
    const { store, onArrivalStored } = this.#parts;
    const ended = entries.filter(({ transition }) => transition.status === "offline");
    store.deleteConnections(ended.map(({ connectionId }) => connectionId));
    for (const { connectionId, transition } of entries) {
      if (transition.status === "online") onArrivalStored(connectionId);
    }
  }

  async #writeBatches(): Promise<void> {
    const { store } = this.#parts;
    try {
      while (this.#fresh.length > 0) {
        const waitMs = this.#untilNextWrite(Date.now());
        if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs));
        await this.#writeFresh(this.#fresh.slice(0, BATCH));
      }
      while (this.#hasBacklog) {
        await this.#write(store.unflushed(BATCH));
        this.#hasBacklog = store.hasUnflushed;
        this.#failing = false;
      }
    } catch (error) {
      this.#failing = true;
      this.#parts.log.error("flushing presence to the registry failed; it will be tried again", { error });
      this.#append(this.#fresh.splice(0));
      // A timeout says nothing about the transitions.
      if (!(error instanceof NoAnswerInTime)) await this.#parkRejected(store.unflushed(BATCH));
      this.#hasBacklog = store.hasUnflushed;
      this.#failing = this.#hasBacklog;
    }
  }

  /** How long to wait until the crowd has more transitions, in milliseconds. */
  #untilNextWrite(now: number): number {
    if (!this.#crowd.isThere || this.#fresh.length >= BATCH) return 0;
    return Math.min(CROWD_WRITES_EVERY_MS, this.#wroteAt + CROWD_WRITES_EVERY_MS - now);
  }

  async #writeFresh(batch: readonly ConnectionTransition[]): Promise<void> {
    this.#wroteAt = Date.now();
    const written = await this.#inTime(this.#parts.write(transitions(batch)));
    this.#fresh.splice(0, batch.length);
    this.#release(batch);
    this.#tell(written);
  }

  async #write(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const { store, write } = this.#parts;
    // A write that timed out may still take effect. That is safe: the same write a second time changes nothing.
    const written = await this.#inTime(write(transitions(rows)));
    store.deleteFlushed(rows.map(({ seq }) => seq));
    for (const { seq } of rows) this.#rejections.delete(seq);
    this.#tell(written);
  }

  #tell({ stale, bursts }: Written): void {
    const { onStale, onBurst } = this.#parts;
    stale.forEach(onStale);
    for (const { agentId, burstAt } of bursts) onBurst(agentId, burstAt);
  }

  /**
   * Writes the good transitions of a failed batch, and counts the others as rejected. One bad transition must not hold up the
   * others for ever. A rejection counts only if the registry takes another write right before and right after it.
   */
  async #parkRejected(rows: readonly Row[]): Promise<void> {
    const { store, log } = this.#parts;
    if (!(await this.report())) return;
    const rejected = await this.#findRejected(rows);
    if (rejected === null || !(await this.report())) return;
    for (const { seq, transition, error } of rejected) {
      const count = (this.#rejections.get(seq) ?? 0) + 1;
      this.#rejections.set(seq, count);
      if (count < REJECTIONS_BEFORE_PARKING) continue;
      log.error("the registry rejects a transition; it is parked", { agent: transition.agentId, error });
      store.park(seq, error instanceof Error ? error.message : String(error));
      this.#rejections.delete(seq);
    }
    await this.report();
  }

  /** Splits the rows in halves until every rejected row is alone, and writes all others. Null if the search ends early. */
  async #findRejected(rows: readonly Row[]): Promise<RejectedRow[] | null> {
    const rejected: RejectedRow[] = [];
    const parts = [rows];
    let writes = 0;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (++writes > MOST_WRITES) return null;
      const [first] = part;
      try {
        await this.#write(part);
      } catch (error) {
        if (error instanceof NoAnswerInTime) return null;
        if (part.length > 1) {
          const middle = Math.ceil(part.length / 2);
          parts.push(part.slice(middle), part.slice(0, middle));
        } else if (first !== undefined) {
          rejected.push({ ...first, error });
          if (rejected.length > MOST_REJECTED) return null;
        }
      }
    }
    return rejected;
  }

  /** Writes the number of parked transitions to the registry. Returns whether the write succeeded. */
  async report(): Promise<boolean> {
    return this.#inTime(this.#parts.writeReport()).then(
      () => true,
      () => false,
    );
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return inTime(work, this.#parts.writeTimeoutMs ?? WRITE_TIMEOUT_MS);
  }
}

interface RejectedRow extends Row {
  readonly error: unknown;
}

function transitions(rows: readonly { transition: Transition }[]): Transition[] {
  return rows.map(({ transition }) => transition);
}
