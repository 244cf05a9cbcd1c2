import { type JsonObject, number, object, orElse, orNull, text, texts, time } from "../json.ts";
import { type Clone, parseClone } from "./clone.ts";
import { type Presence, parsePresence } from "./presence.ts";

/** What an agent's connection tells of it, from docs/API.md. Times are Unix milliseconds on the manager's clock. */
export interface Connection extends Presence {
  /** It is larger with every connection of the agent; 0 before the first. */
  readonly generation: number;
  /** When `status` last changed. */
  readonly since: number;
  readonly lastSeen: number | null;
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
  readonly address: string | null;
  /** From a heartbeat to its answer. */
  readonly rttMs: number | null;
  /** Its clock minus the manager's. */
  readonly skewMs: number | null;
}

/** What the manager's database has of an agent. */
export interface Registration {
  readonly id: string;
  readonly name: string;
  /** Each is `key` or `key=value`. */
  readonly labels: readonly string[];
  /** Two live hosts were seen with this one identity within the last day. */
  readonly clone: Clone | null;
  /** When it enrolled. */
  readonly createdAt: number;
  /** When its token became invalid. */
  readonly revokedAt: number | null;
  /** It is larger with every change of these fields. */
  readonly revision: number;
}

/** An agent as the dashboard shows it. */
export interface Agent extends Connection, Registration {
  /** It comes and goes often, until this time; 0 if it does not. */
  readonly flappingUntil: number;
}

export function parseConnection(from: JsonObject): Connection {
  return {
    ...parsePresence(from),
    // A generation is the time at which the connection began.
    generation: orElse(from, "generation", number, orElse(from, "connectedAt", number, 0)),
    since: time(from, "since"),
    lastSeen: orNull(from, "lastSeen", time),
    version: text(from, "version"),
    os: text(from, "os"),
    arch: text(from, "arch"),
    hostname: text(from, "hostname"),
    address: orNull(from, "address", text),
    rttMs: orNull(from, "rttMs", number),
    skewMs: orNull(from, "skewMs", number),
  };
}

export function parseAgent(value: unknown): Agent {
  const agent = object(value, "agent");
  return {
    ...parseConnection(agent),
    id: text(agent, "id"),
    name: text(agent, "name"),
    createdAt: time(agent, "createdAt"),
    // An earlier manager has none.
    labels: orElse<readonly string[]>(agent, "labels", texts, []),
    clone: parseClone(agent.clone),
    revokedAt: orElse<number | null>(agent, "revokedAt", time, null),
    revision: orElse(agent, "revision", number, 0),
    flappingUntil: orElse(agent, "flappingUntil", number, 0),
  };
}

export function isOnline(agent: Agent): boolean {
  return agent.status === "online";
}

/** Its token is invalid; the host has to enrol again. */
export function isRevoked(agent: Agent): boolean {
  return agent.reason === "revoked";
}

/** Whether it comes and goes often, at that time on the manager's clock. */
export function isFlapping(agent: Agent, now: number): boolean {
  return agent.flappingUntil > now;
}
