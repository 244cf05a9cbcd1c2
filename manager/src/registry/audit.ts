/** D1 queries for the audit trail: the actions of operators, with time and address. */
import { z } from "zod";
import { parseColumn } from "./parse.ts";
import { query } from "./query.ts";

/** How the operator logged in for a request, and the operator's address. */
export interface Operator {
  readonly via: "password" | "session";
  readonly address: string | null;
}

export type AuditAction =
  | "session.begin"
  | "session.end"
  | "token.mint"
  | "token.revoke"
  | "agent.rename"
  | "agent.label"
  | "agent.rotate"
  | "agent.separate"
  | "agent.revoke"
  | "agent.remove"
  | "hub.drain"
  | "parked.forget";

/** The version of the JSON in `audit.detail`. Version 0 had no `v`. */
const DETAIL_VERSION = 1;

const Detail = z
  .record(z.string(), z.union([z.string(), z.number(), z.null()]))
  .transform(({ v: _, ...detail }) => detail);

export interface AuditEntry extends Operator {
  readonly id: number;
  readonly at: number;
  readonly action: AuditAction;
  readonly target: string | null;
  readonly detail: NonNullable<AuditEvent["detail"]> | null;
}

/** An action of an operator and its target. `detail` must hold no secret. */
export interface AuditEvent {
  readonly action: AuditAction;
  readonly target?: string;
  readonly detail?: Readonly<Record<string, string | number | null>>;
}

/**
 * The statement that records an event. Put it into a batch right after the statement with the change. If that statement
 * changed nothing, no event is recorded.
 */
export function recordAuditEvent(db: D1Database, operator: Operator, event: AuditEvent): D1PreparedStatement {
  return insertion(db, operator, event, "changes() > 0");
}

/**
 * The statement that records an event for each agent for which the condition holds. Its target is the agent.
 * @param condition SQL on a row of `agents`, with its parameters from `?1` on
 */
export function recordAuditEvents(
  db: D1Database,
  operator: Operator,
  event: AuditEvent,
  { condition, parameters }: { readonly condition: string; readonly parameters: readonly (string | number)[] },
): D1PreparedStatement {
  const { at, via, address, action, detail } = columns(operator, event);
  const [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map((place) => `?${parameters.length + place}`);
  return db
    .prepare(
      `INSERT INTO audit (at, via, address, action, target, detail)
       SELECT ${first}, ${second}, ${third}, ${fourth}, id, ${fifth} FROM agents WHERE ${condition}`,
    )
    .bind(...parameters, at, via, address, action, detail);
}

/** Records an event for an action that changes nothing in the registry. */
export async function insertAuditEvent(db: D1Database, operator: Operator, event: AuditEvent): Promise<void> {
  await query(insertion(db, operator, event, "true").run());
}

function insertion(db: D1Database, operator: Operator, event: AuditEvent, condition: string) {
  const { at, via, address, action, target, detail } = columns(operator, event);
  return db
    .prepare(`INSERT INTO audit (at, via, address, action, target, detail) SELECT ?, ?, ?, ?, ?, ? WHERE ${condition}`)
    .bind(at, via, address, action, target, detail);
}

function columns({ via, address }: Operator, { action, target, detail }: AuditEvent) {
  const json = detail === undefined ? null : JSON.stringify({ v: DETAIL_VERSION, ...detail });
  return { at: Date.now(), via, address, action, target: target ?? null, detail: json };
}

/** Which entries are listed; all by default. */
export interface AuditFilter {
  readonly action?: string | undefined;
  readonly target?: string | undefined;
}

/** Lists at most `limit` entries, the newest first. If `before` is given, only entries older than that entry. */
export async function listAudit(
  db: D1Database,
  { action, target }: AuditFilter,
  limit: number,
  before = Number.MAX_SAFE_INTEGER,
): Promise<AuditEntry[]> {
  const conditions: [string, string | number][] = [["id < ?", before]];
  if (target !== undefined) conditions.push(["target = ?", target]);
  // Of two filters, the target has fewer entries. The plus sign keeps SQLite from the other index.
  if (action !== undefined) conditions.push([target === undefined ? "action = ?" : "+action = ?", action]);
  const { results } = await query(
    db
      .prepare(`SELECT * FROM audit WHERE ${conditions.map(([sql]) => sql).join(" AND ")} ORDER BY id DESC LIMIT ?`)
      .bind(...conditions.map(([, value]) => value), limit)
      .all<Omit<AuditEntry, "detail"> & { detail: string | null }>(),
  );
  return results.map((row) => ({ ...row, detail: parseColumn(Detail, row.detail, "audit.detail") }));
}
