import { type Agent, type Connection, isOnline, type Registration } from "../agents/agent.ts";
import type { Fact } from "./facts.ts";

/** The agents that have changed, by id; undefined for one that is gone. */
export type Changes = ReadonlyMap<string, Agent | undefined>;

interface Known {
  connection?: { readonly value: Connection; readonly fromFeed: boolean };
  registration?: Registration;
  flappingUntil: number;
  /** The value of `#facts` at the latest fact about the agent. */
  toldAt: number;
}

/** A reading of the whole list, page by page. If it fails, `complete` is never called. */
export interface Reading {
  page(agents: readonly Agent[]): void;
  /** All pages have been read. Agents that are on no page are gone. */
  complete(): void;
}

/**
 * All agents, from the feed and from readings of the list, which arrive in any order: docs/API.md "Keeping the list up to
 * date". An agent is shown as soon as its row is known. Facts that arrive before the row are kept.
 */
export class Fleet {
  readonly #onChange: (changes: Changes) => void;
  readonly #known = new Map<string, Known>();
  /** Removed agents by id, with the value of `#facts` at their removal. */
  readonly #removed = new Map<string, number>();
  #facts = 0;

  constructor(onChange: (changes: Changes) => void) {
    this.#onChange = onChange;
  }

  /** Applies facts from the feed, or from the answer to a call of this page. */
  apply(facts: readonly Fact[]): void {
    const changed = new Set<string>();
    for (const fact of facts) {
      this.#facts += 1;
      const id = fact.kind === "row" ? fact.agent.id : fact.id;
      if (fact.kind === "removed") {
        this.#removed.set(id, this.#facts);
        this.#known.delete(id);
      } else if (!this.#removed.has(id)) {
        const known = this.#at(id);
        known.toldAt = this.#facts;
        if (fact.kind === "connection") takeConnection(known, fact.connection, true);
        else if (fact.kind === "flapping") known.flappingUntil = Math.max(known.flappingUntil, fact.until);
        else takeRow(known, fact.agent);
      }
      changed.add(id);
    }
    this.#report(changed);
  }

  beginReading(): Reading {
    const began = this.#facts;
    const listed = new Set<string>();
    return {
      page: (agents) => {
        for (const agent of agents) {
          listed.add(agent.id);
          if (!this.#removed.has(agent.id)) takeRow(this.#at(agent.id), agent);
        }
        this.#report(agents.map(({ id }) => id));
      },
      complete: () => {
        const gone = [...this.#known].flatMap(([id, { toldAt }]) => (listed.has(id) || toldAt > began ? [] : [id]));
        for (const id of gone) this.#known.delete(id);
        for (const [id, at] of this.#removed) if (at <= began) this.#removed.delete(id);
        this.#report(gone);
      },
    };
  }

  #at(id: string): Known {
    const known = this.#known.get(id) ?? { flappingUntil: 0, toldAt: 0 };
    this.#known.set(id, known);
    return known;
  }

  #report(ids: Iterable<string>): void {
    const changes = new Map([...ids].map((id) => [id, shown(this.#known.get(id))]));
    if (changes.size > 0) this.#onChange(changes);
  }
}

function takeRow(known: Known, agent: Agent): void {
  takeConnection(known, agent, false);
  known.flappingUntil = Math.max(known.flappingUntil, agent.flappingUntil);
  if (known.registration === undefined || agent.revision >= known.registration.revision) {
    const { id, name, clone, labels, createdAt, revokedAt, revision } = agent;
    known.registration = { id, name, clone, labels, createdAt, revokedAt, revision };
  }
}

function takeConnection(known: Known, value: Connection, fromFeed: boolean): void {
  const at = known.connection;
  if (at === undefined || isNewer(value, fromFeed, at.value, at.fromFeed)) known.connection = { value, fromFeed };
}

function isNewer(value: Connection, fromFeed: boolean, than: Connection, thanFromFeed: boolean): boolean {
  if (value.generation !== than.generation) return value.generation > than.generation;
  // A connection that has ended does not begin again.
  if (value.status !== than.status) return value.status === "offline";
  const later = (value.lastSeen ?? 0) - (than.lastSeen ?? 0);
  return later === 0 ? fromFeed || !thanFromFeed : later > 0;
}

function shown(known: Known | undefined): Agent | undefined {
  if (known?.connection === undefined || known.registration === undefined) return undefined;
  const agent: Agent = { ...known.connection.value, ...known.registration, flappingUntil: known.flappingUntil };
  return agent.revokedAt === null || isOnline(agent) ? agent : { ...agent, reason: "revoked" };
}
