import { isOnline } from "./agent.ts";
import { fold } from "./fold.ts";
import { matchesFilter } from "./label.ts";
import { type Change, compare, compareNames, type Entry, position, type Roster } from "./roster.ts";

export const groups = ["all", "trouble", "online", "offline"] as const;

export type Group = (typeof groups)[number];

export const columns = ["name", "status", "seen", "version", "platform", "address"] as const;

export type Column = (typeof columns)[number];

/** What a list shows, and in which order. */
export interface ListQuery {
  readonly group: Group;
  /** Part of what is on the screen of an agent, in any case. */
  readonly words: string;
  /** Label filters of docs/API.md, all of which an agent must match. */
  readonly labels: readonly string[];
  readonly column: Column;
  readonly descending: boolean;
}

const isIn: Readonly<Record<Group, (entry: Entry) => boolean>> = {
  all: () => true,
  trouble: ({ trouble }) => trouble,
  online: ({ agent }) => isOnline(agent),
  offline: ({ agent }) => !isOnline(agent),
};

/** Where there is trouble comes first. Agents in trouble are not sorted further: those that flap would jump about. */
const rank = ({ agent, trouble }: Entry) => (trouble ? 0 : isOnline(agent) ? 1 : 2);

const sortKeys: Readonly<Record<Column, (entry: Entry) => string | number>> = {
  name: ({ name }) => name,
  status: rank,
  // An agent that is online is seen now.
  seen: ({ agent }) => (isOnline(agent) ? Number.MAX_SAFE_INTEGER : (agent.lastSeen ?? 0)),
  version: ({ version }) => version,
  platform: ({ agent }) => `${agent.os}/${agent.arch}`,
  address: ({ address }) => address,
};

/** Some agents of the roster in some order, kept so by each change. */
export class AgentList {
  readonly #shows: (entry: Entry) => boolean;
  readonly #order: (a: Entry, b: Entry) => number;
  readonly #entries: Entry[];

  constructor(roster: Roster, { group, words, labels, column, descending }: ListQuery) {
    const folded = fold(words.trim());
    this.#shows = (entry) =>
      isIn[group](entry) &&
      entry.searched.includes(folded) &&
      labels.every((filter) => matchesFilter(entry.agent.labels, filter));
    const key = sortKeys[column];
    const sign = descending ? -1 : 1;
    const first = (a: Entry, b: Entry) => sign * compare(key(a), key(b));
    this.#order = (a, b) => first(a, b) || compareNames(a, b);
    // The roster has the order of names, and sorting keeps it among equals.
    this.#entries = roster.byName.filter(this.#shows).sort(first);
  }

  get ids(): string[] {
    return this.#entries.map(({ agent }) => agent.id);
  }

  apply(changes: readonly Change[]): void {
    for (const { before, after } of changes) {
      if (before !== undefined && this.#shows(before)) {
        this.#entries.splice(position(this.#entries, before, this.#order), 1);
      }
      if (after !== undefined && this.#shows(after)) {
        this.#entries.splice(position(this.#entries, after, this.#order), 0, after);
      }
    }
  }
}
