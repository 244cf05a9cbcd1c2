import { type Clone, parseClone } from "./clone.ts";
import { number, object, orNull, ShapeError, text } from "./json.ts";

/** What the dashboard shows of an agent, as in docs/API.md. Times are Unix milliseconds on the manager's clock. */
export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly status: "online" | "offline";
  /** Why it is offline; null while it is online. */
  readonly reason: string | null;
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
}

export function parseAgent(value: unknown): Agent {
  const agent = object(value, "agent");
  const status = text(agent, "status");
  if (status !== "online" && status !== "offline") throw new ShapeError("status is neither online nor offline");
  return {
    id: text(agent, "id"),
    name: text(agent, "name"),
    status,
    reason: orNull(agent, "reason", text),
    since: number(agent, "since"),
    lastSeen: orNull(agent, "lastSeen", number),
    version: text(agent, "version"),
    os: text(agent, "os"),
    arch: text(agent, "arch"),
    hostname: text(agent, "hostname"),
    address: orNull(agent, "address", text),
    clone: parseClone(agent.clone),
  };
}

const reasonWords = new Map([
  ["stopped", "stopped"],
  ["lost", "connection lost"],
  ["lease_expired", "no sign of life"],
  ["replaced", "replaced"],
  ["revoked", "revoked"],
  ["manager_restart", "manager restarted"],
  ["policy", "too many bad frames"],
  ["never_connected", "never connected"],
]);

/** The reason in words. A newer manager may know reasons that this page does not: those read as their code does. */
export function describeReason(reason: string): string {
  return reasonWords.get(reason) ?? reason.replaceAll("_", " ");
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
