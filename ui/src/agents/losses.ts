import { type Agent, isOnline } from "./agent.ts";
import { isMeant } from "./presence.ts";
import type { Change } from "./roster.ts";

/** An agent that is back by then was only gone for a moment. */
const graceMs = 10_000;
/** The agents that are lost in this time are announced together. */
const togetherMs = 3_000;

interface Absence {
  agent: Agent;
  /** When the page heard of it; `performance.now()`. */
  readonly heardAt: number;
}

/**
 * Finds the agents that were online, went away by themselves and did not come back. An agent that somebody stopped,
 * revoked or removed is not lost, and neither is one that is late.
 */
export class Losses {
  readonly #announce: (agents: readonly Agent[]) => void;
  /** The agents that may be lost, in the order in which they went. */
  readonly #absent = new Map<string, Absence>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `announce` is called once for all agents that are lost together, the first of them first. */
  constructor(announce: (agents: readonly Agent[]) => void) {
    this.#announce = announce;
  }

  apply(changes: readonly Change[]): void {
    for (const { before, after } of changes) {
      const agent = after?.agent;
      if (agent === undefined || isOnline(agent) || isMeant(agent)) {
        const id = (after ?? before)?.agent.id;
        if (id !== undefined) this.#absent.delete(id);
        continue;
      }
      const absence = this.#absent.get(agent.id);
      if (absence !== undefined) absence.agent = agent;
      else if (before !== undefined && isOnline(before.agent)) {
        this.#absent.set(agent.id, { agent, heardAt: performance.now() });
      }
    }
    // In a hidden page, a browser may run the timer late.
    if (this.#untilDue() <= 0) this.#settle();
    else this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#absent.clear();
  }

  /** The time until the agent that has been away longest is announced, and others with it. */
  #untilDue(): number {
    const [longest] = this.#absent.values();
    if (longest === undefined) return Number.POSITIVE_INFINITY;
    return longest.heardAt + graceMs + togetherMs - performance.now();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const wait = this.#untilDue();
    if (Number.isFinite(wait)) this.#timer = setTimeout(() => this.#settle(), wait);
  }

  #settle(): void {
    const latest = performance.now() - graceMs;
    const lost = [...this.#absent.values()].filter(({ heardAt }) => heardAt <= latest).map(({ agent }) => agent);
    for (const { id } of lost) this.#absent.delete(id);
    if (lost.length > 0) this.#announce(lost);
    this.#wait();
  }
}
