import { type Clone, parseClone } from "./clone.ts";
import { flag, number, object, orNull, text } from "./json.ts";
import { type Presence, parsePresence } from "./presence.ts";

/** An agent as the dashboard shows it, from docs/API.md. Times are Unix milliseconds on the manager's clock. */
export interface Agent extends Presence {
  readonly id: string;
  readonly name: string;
  /** When `status` last changed. */
  readonly since: number;
  readonly lastSeen: number | null;
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
  readonly address: string | null;
  /** Two live hosts were seen with this one identity within the last day. */
  readonly clone: Clone | null;
  /** Its status changed five times or more within ten minutes. */
  readonly flapping: boolean;
}

export function parseAgent(value: unknown): Agent {
  const agent = object(value, "agent");
  return {
    ...parsePresence(agent),
    id: text(agent, "id"),
    name: text(agent, "name"),
    since: number(agent, "since"),
    lastSeen: orNull(agent, "lastSeen", number),
    version: text(agent, "version"),
    os: text(agent, "os"),
    arch: text(agent, "arch"),
    hostname: text(agent, "hostname"),
    address: orNull(agent, "address", text),
    clone: parseClone(agent.clone),
    // As with clones: an older manager does not send it.
    flapping: agent.flapping !== undefined && flag(agent, "flapping"),
  };
}

export function isOnline(agent: Agent): boolean {
  return agent.status === "online";
}

/** Its token is invalid; the host has to enrol again. */
export function isRevoked(agent: Agent): boolean {
  return agent.reason === "revoked";
}

const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * Online first, then by name in natural order (edge-2 before edge-10), then by id, so that rows never swap between
 * polls.
 */
export function compareAgents(a: Agent, b: Agent): number {
  return Number(isOnline(b)) - Number(isOnline(a)) || byName.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
}

/** Whether the name, the address or the id contains the text, in any case. */
export function matchesFilter(agent: Agent, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return [agent.name, agent.address ?? "", agent.id].some((field) => field.toLowerCase().includes(wanted));
}
