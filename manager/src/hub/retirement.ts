/** The end of a hub that a change of HUB_SHARDS has replaced. Until then it drains its agents and empties its outbox. */
import { deleteHub } from "../registry/hubs.ts";
import type { Alarm } from "./alarm.ts";
import type { Outbox } from "./outbox.ts";
import { isCurrent } from "./placement.ts";
import type { Roster } from "./roster.ts";

/** An earlier hub looks after this time whether anything is left in it. */
const RETIRE_AFTER_MS = 5_000;

export interface RetirementOptions {
  readonly db: D1Database;
  /** The hub's name; undefined if the runtime does not know it. */
  readonly name: string | undefined;
  readonly hubShards: number;
  readonly alarm: Alarm;
  readonly roster: Roster;
  readonly outbox: Outbox;
}

export class Retirement {
  readonly #options: RetirementOptions;

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  /** Sets the alarm for the next attempt, if this hub is not among the present ones. */
  schedule(): void {
    if (this.#earlierName !== undefined) this.#options.alarm.ringBy(Date.now() + RETIRE_AFTER_MS);
  }

  /** An earlier hub without connections and transitions deletes its row, so that nobody calls it any more. */
  async attempt(): Promise<void> {
    const { db, roster, outbox } = this.#options;
    const name = this.#earlierName;
    if (name !== undefined && roster.isEmpty && outbox.isEmpty) await deleteHub(db, name);
  }

  get #earlierName(): string | undefined {
    const { name, hubShards } = this.#options;
    return name !== undefined && !isCurrent(name, hubShards) ? name : undefined;
  }
}
