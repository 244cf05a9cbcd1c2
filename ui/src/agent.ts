import { type Clone, parseClone } from "./clone.ts";
import { flag, number, object, orNull, text } from "./json.ts";
import { type Presence, parsePresence } from "./presence.ts";

/** What the dashboard shows of an agent, as in docs/API.md. Times are Unix milliseconds on the manager's clock. */
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
  /** Its connection comes and goes: five or more changes of status within ten minutes. */
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
    // As with clones: to a manager from before it was told, nothing flaps.
    flapping: agent.flapping !== undefined && flag(agent, "flapping"),
  };
}

export function isOnline(agent: Agent): boolean {
  return agent.status === "online";
}

/** Its token is void for good; only a new enrolment brings the host back. */
export function isRevoked(agent: Agent): boolean {
  return agent.reason === "revoked";
}

const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Online first, then by name as people count (edge-2 before edge-10). The id settles ties, so rows never swap between polls. */
export function compareAgents(a: Agent, b: Agent): number {
  return Number(isOnline(b)) - Number(isOnline(a)) || byName.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
}

/** Does the name, the address or the id contain the words typed, whatever their case? */
export function matchesFilter(agent: Agent, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return [agent.name, agent.address ?? "", agent.id].some((field) => field.toLowerCase().includes(wanted));
}
