/** Carries transitions from a hub's own store to the registry: each stays in the store until D1 has it. */
import { newest, type Transition } from "../presence/presence.ts";
import { writeTransitions } from "../registry/presence.ts";
import type { HubStore } from "./store.ts";

/** Transitions written at once; those that arrive during a write go with the next one. */
const BATCH = 500;

export class Outbox {
  readonly #store: HubStore;
  readonly #db: D1Database;
  readonly #onBarred: (agentId: string) => void;
  #flushing: Promise<void> | null = null;

  /**
   * @param onBarred told of each agent that D1 knows as removed or revoked when its transition gets there. Removal writes D1
   *   first and closes connections after it, so one that was admitted before the first and arrived after the second ends here.
   */
  constructor(store: HubStore, db: D1Database, onBarred: (agentId: string) => void) {
    this.#store = store;
    this.#db = db;
    this.#onBarred = onBarred;
  }

  /** Whether there are transitions that D1 has not got. */
  get isEmpty(): boolean {
    return this.#store.unflushed(1).length === 0;
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
      let barred: string[];
      try {
        barred = await writeTransitions(this.#db, transitions(rows));
      } catch (error) {
        console.error("flushing presence to the registry failed; it will be tried again", error);
        return;
      }
      this.#store.flushed(rows[rows.length - 1]?.seq ?? 0);
      barred.forEach(this.#onBarred);
    }
  }
}

function transitions(rows: readonly { transition: Transition }[]): Transition[] {
  return rows.map(({ transition }) => transition);
}
