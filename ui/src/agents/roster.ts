import type { Changes } from "../live/fleet.ts";
import { type Agent, isFlapping, isOnline } from "./agent.ts";
import { fold, naturalKey } from "./fold.ts";
import { needsAttention } from "./presence.ts";

/** An agent with what lists sort and search by. It is computed once for each change, because folding is slow. */
export interface Entry {
  readonly agent: Agent;
  readonly name: string;
  readonly version: string;
  readonly address: string;
  /** All that a search looks at, folded. */
  readonly searched: string;
  readonly flapping: boolean;
  /** Somebody should look at it. */
  readonly trouble: boolean;
}

/** What has become of one agent; undefined for one that was not there, or is gone. */
export interface Change {
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

export interface Counts {
  readonly all: number;
  readonly online: number;
  readonly offline: number;
  readonly trouble: number;
}

/** All agents, in the order of their names. It is kept in order by each change: to sort ten thousand is slow. */
export class Roster {
  readonly #entries = new Map<string, Entry>();
  readonly #byName: Entry[] = [];
  readonly #names = new Map<string, number>();
  readonly #flapping = new Set<string>();
  #online = 0;
  #trouble = 0;
  #labelled = 0;

  get byName(): readonly Entry[] {
    return this.#byName;
  }

  get counts(): Counts {
    const all = this.#entries.size;
    return { all, online: this.#online, offline: all - this.#online, trouble: this.#trouble };
  }

  get hasLabels(): boolean {
    return this.#labelled > 0;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Whether another agent has a name that reads the same. */
  isTwin({ name }: Entry): boolean {
    return (this.#names.get(name) ?? 0) > 1;
  }

  /** `now` is the manager's time. */
  update(changes: Changes, now: number): Change[] {
    return [...changes].map(([id, agent]) => {
      const before = this.#entries.get(id);
      const after = agent && entry(agent, before, now);
      if (before !== undefined) this.#take(before);
      if (after !== undefined) this.#put(after);
      return { before, after };
    });
  }

  /** The agents that flapped, and do so no longer. */
  calmDown(now: number): Change[] {
    const calm = [...this.#flapping].flatMap((id) => {
      const agent = this.#entries.get(id)?.agent;
      return agent === undefined || isFlapping(agent, now) ? [] : ([[id, agent]] as const);
    });
    return calm.length === 0 ? [] : this.update(new Map(calm), now);
  }

  #put(entry: Entry): void {
    const { agent, name } = entry;
    this.#entries.set(agent.id, entry);
    this.#byName.splice(position(this.#byName, entry, compareNames), 0, entry);
    this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
    if (entry.flapping) this.#flapping.add(agent.id);
    this.#count(entry, 1);
  }

  #take(entry: Entry): void {
    const { agent, name } = entry;
    this.#entries.delete(agent.id);
    this.#byName.splice(position(this.#byName, entry, compareNames), 1);
    const others = (this.#names.get(name) ?? 1) - 1;
    if (others === 0) this.#names.delete(name);
    else this.#names.set(name, others);
    this.#flapping.delete(agent.id);
    this.#count(entry, -1);
  }

  #count({ agent, trouble }: Entry, by: 1 | -1): void {
    if (isOnline(agent)) this.#online += by;
    if (trouble) this.#trouble += by;
    if (agent.labels.length > 0) this.#labelled += by;
  }
}

/** The order of names, and of ids if the names are the same, so that rows never swap without a reason. */
export function compareNames(a: Entry, b: Entry): number {
  return compare(a.name, b.name) || compare(a.agent.id, b.agent.id);
}

export function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Where an entry is, or belongs, in entries of that order. */
export function position(entries: readonly Entry[], entry: Entry, order: (a: Entry, b: Entry) => number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = entries[middle];
    if (there !== undefined && order(there, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function entry(agent: Agent, before: Entry | undefined, now: number): Entry {
  const was = before?.agent;
  const flapping = isFlapping(agent, now);
  return {
    agent,
    name: was?.name === agent.name ? (before?.name ?? "") : naturalKey(agent.name),
    version: was?.version === agent.version ? (before?.version ?? "") : naturalKey(agent.version),
    address: was?.address === agent.address ? (before?.address ?? "") : naturalKey(agent.address ?? ""),
    searched: before !== undefined && readsTheSame(before.agent, agent) ? before.searched : searched(agent),
    flapping,
    trouble: needsAttention(agent) || flapping || agent.clone !== null,
  };
}

function readsTheSame(a: Agent, b: Agent): boolean {
  return (
    a.name === b.name &&
    a.hostname === b.hostname &&
    a.address === b.address &&
    a.version === b.version &&
    a.labels.join("\n") === b.labels.join("\n")
  );
}

/** No search has a line feed in it, so none finds text across two fields. */
function searched({ name, hostname, address, id, version, labels }: Agent): string {
  return fold([name, hostname, address ?? "", id, version, ...labels].join("\n"));
}
