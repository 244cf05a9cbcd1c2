/** Who may do what with which subject: docs/PROTOCOL.md "Permissions". */
import { failure, type Outcome } from "./errors.ts";
import { isInbox, isPattern, isSubject } from "./subject.ts";

/**
 * Subjects with a meaning of their own on the link; an operator's message on one could pass for the manager's or an
 * agent's.
 */
const CONTROL: ReadonlySet<string> = new Set([
  "agent.register",
  "agent.welcome",
  "agent.heartbeat",
  "agent.heartbeat.ack",
  "agent.status",
  "agent.subscribe",
  "agent.unsubscribe",
  "agent.credit",
  "agent.reconnect",
  "agent.rotate",
  "agent.error",
]);

/** Operators send anywhere but to control subjects and inboxes; never to a pattern. */
export function operatorMaySend(subject: string): Outcome<string> {
  if (!isSubject(subject)) return failure("invalid_subject", "subject is not a valid subject");
  return CONTROL.has(subject) || isInbox(subject)
    ? failure("forbidden", `nobody may send to ${subject} but the two ends themselves`)
    : { ok: true, value: subject };
}

/** An agent subscribes below `fleet.` and below `agents.<its id>.`. */
export function agentMaySubscribe(agentId: string, pattern: string): Outcome<string> {
  if (!isPattern(pattern)) return failure("invalid_subject", `${JSON.stringify(pattern)} is not a valid pattern`);
  return pattern.startsWith("fleet.") || pattern.startsWith(`agents.${agentId}.`)
    ? { ok: true, value: pattern }
    : failure("forbidden", `an agent may not subscribe to ${pattern}`);
}
