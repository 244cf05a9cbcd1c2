import { call, nextCursor, read } from "../../api.ts";
import { formatStamp } from "../../components/dateAndTime.ts";
import { formatCount } from "../../components/format.ts";
import { array, number, object, orNull, text, time, tryParse } from "../../json.ts";

/** What an operator did, from docs/API.md. */
export interface AuditEntry {
  readonly id: number;
  /** Unix milliseconds on the manager's clock. */
  readonly at: number;
  /** How the operator had logged in. */
  readonly via: string;
  readonly address: string | null;
  readonly action: string;
  /** The id of an agent or an enrolment token, or a hub. */
  readonly target: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditPage {
  readonly entries: AuditEntry[];
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

/** An empty filter lists all. */
export interface AuditQuery {
  readonly action: string;
  readonly target: string;
  readonly cursor: string;
}

const pageSize = 50;

function parseEntry(value: unknown): AuditEntry {
  const entry = object(value, "entry");
  return {
    id: number(entry, "id"),
    at: time(entry, "at"),
    via: text(entry, "via"),
    address: orNull(entry, "address", text),
    action: text(entry, "action"),
    target: orNull(entry, "target", text),
    detail: entry.detail === null ? {} : object(entry.detail, "detail"),
  };
}

export async function listAudit(query: AuditQuery, signal: AbortSignal, unattended: boolean): Promise<AuditPage> {
  const filters = Object.entries(query).filter(([, value]) => value !== "");
  const params = new URLSearchParams([["limit", String(pageSize)], ...filters]);
  const response = await call(`/api/audit?${params}`, { signal, unattended });
  return { entries: await read(response, (body) => array(body, "entries", parseEntry)), next: nextCursor(response) };
}

/** The actions of docs/API.md in words, grouped by what they are done to. */
export const actions: readonly { readonly group: string; readonly words: Readonly<Record<string, string>> }[] = [
  {
    group: "Agents",
    words: {
      "agent.rename": "Renamed agent",
      "agent.label": "Changed labels",
      "agent.rotate": "Rotated token",
      "agent.separate": "Separated clone",
      "agent.revoke": "Revoked agent",
      "agent.remove": "Removed agent",
    },
  },
  { group: "Enrolment tokens", words: { "token.mint": "Created token", "token.revoke": "Revoked token" } },
  { group: "Sessions", words: { "session.begin": "Logged in", "session.end": "Logged out" } },
  { group: "Maintenance", words: { "hub.drain": "Drained hubs", "parked.forget": "Forgot parked transitions" } },
];

const inWords = new Map(actions.flatMap(({ words }) => Object.entries(words)));

/** An action in words. One that this page does not know, from a newer manager, is its code. */
export function describeAction(action: string): string {
  return inWords.get(action) ?? action;
}

const details: Readonly<Record<string, { readonly term: string; readonly value?: (value: number) => string }>> = {
  name: { term: "Name" },
  maxUses: { term: "Uses", value: formatCount },
  expiresAt: { term: "Expires", value: formatStamp },
  delayMs: { term: "Delay", value: (ms) => `${formatCount(ms / 1_000)} s` },
  sessions: { term: "Sessions" },
  labels: { term: "Labels" },
  add: { term: "Added" },
  remove: { term: "Removed" },
};

/** The details of an entry as terms and values. What has no value is left out. */
export function describeDetail(detail: AuditEntry["detail"]): { readonly term: string; readonly value: string }[] {
  return Object.entries(detail).flatMap(([key, value]) => {
    if (value === null || value === "") return [];
    const known = details[key];
    const words = typeof value === "number" ? tryParse(() => known?.value?.(value)) : undefined;
    return [{ term: known?.term ?? key, value: words ?? String(value) }];
  });
}
