/** Carries transitions from a hub's own store to the registry: each stays in the store until D1 has it. */
import { newest, type Transition } from "../presence/presence.ts";
import { type Unwanted, writeTransitions } from "../registry/presence.ts";
import type { HubStore } from "./store.ts";

/** Transitions written at once; those that arrive during a write go with the next one. */
const BATCH = 500;
/** How long D1 may take for a batch, in milliseconds: as long as it gives a query itself. */
const PATIENCE_MS = 30_000;

export class Outbox {
  readonly #store: HubStore;
  readonly #db: D1Database;
  readonly #onUnwanted: (connection: Unwanted) => void;
  readonly #patienceMs: number;
  #flushing: Promise<void> | null = null;
  #failing = false;

  /**
   * @param onUnwanted told of each connection that D1 does not want when its transition gets there. Removal writes D1 first
   *   and closes connections after it, so one that was admitted before the first and arrived after the second ends here. So
   *   does one that registered after a newer one had gone: nobody else would notice that it is never shown.
   */
  constructor(
    store: HubStore,
    db: D1Database,
    onUnwanted: (connection: Unwanted) => void,
    patienceMs: number = PATIENCE_MS,
  ) {
    this.#store = store;
    this.#db = db;
    this.#onUnwanted = onUnwanted;
    this.#patienceMs = patienceMs;
  }

  /** Whether there are transitions that D1 has not got. */
  get isEmpty(): boolean {
    return this.#store.unflushed(1).length === 0;
  }

  /** Whether D1 has failed the last flush: what comes meanwhile waits for the next try, so as not to storm or drown the log. */
  get isFailing(): boolean {
    return this.#failing;
  }

  /** The newest unflushed transition of each agent. */
  pending(): Map<string, Transition> {
    return newest(transitions(this.#store.unflushed(-1)));
  }

  /** Flushes until empty or D1 fails; a failure leaves the rest for the next call. One flush runs at a time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#drain().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #drain(): Promise<void> {
    for (let rows = this.#store.unflushed(BATCH); rows.length > 0; rows = this.#store.unflushed(BATCH)) {
      let unwanted: Unwanted[];
      try {
        // A write that is given up may yet be carried out: written again, it changes nothing.
        unwanted = await inTime(this.#patienceMs, writeTransitions(this.#db, transitions(rows)));
      } catch (error) {
        console.error("flushing presence to the registry failed; it will be tried again", error);
        this.#failing = true;
        return;
      }
      this.#failing = false;
      this.#store.flushed(rows[rows.length - 1]?.seq ?? 0);
      unwanted.forEach(this.#onUnwanted);
    }
  }
}

/** Without this, one write that is never answered would be the last of this hub's, and its alarm would not end. */
async function inTime<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function transitions(rows: readonly { transition: Transition }[]): Transition[] {
  return rows.map(({ transition }) => transition);
}
