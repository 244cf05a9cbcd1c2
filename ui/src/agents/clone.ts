import { object, orNull, text, time } from "../json.ts";

/** One of two hosts that share an identity. */
interface CloneHost {
  readonly address: string | null;
  readonly hostname: string;
}

/** Two live hosts with the same identity; `first` had it first. */
export interface Clone {
  /** When both were last seen, in Unix milliseconds on the manager's clock. */
  readonly at: number;
  readonly first: CloneHost;
  readonly second: CloneHost;
}

/** An older manager, which does not detect clones, does not send the field. */
export function parseClone(value: unknown): Clone | null {
  if (value === null || value === undefined) return null;
  const clone = object(value, "clone");
  return {
    at: time(clone, "at"),
    first: parseHost(clone.first, "clone.first"),
    second: parseHost(clone.second, "clone.second"),
  };
}

function parseHost(value: unknown, what: string): CloneHost {
  const host = object(value, what);
  return { address: orNull(host, "address", text), hostname: text(host, "hostname") };
}

const label = (host: CloneHost) => host.address ?? (host.hostname || "an unnamed host");

/** The names of the two hosts: their addresses, or their hostnames if the addresses are the same, as behind one NAT. */
export function hostLabels({ first, second }: Clone): { first: string; second: string } {
  const named = first.hostname !== "" && second.hostname !== "" && first.hostname !== second.hostname;
  if (named && label(first) === label(second)) return { first: first.hostname, second: second.hostname };
  return { first: label(first), second: label(second) };
}
