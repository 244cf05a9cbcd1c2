/** Permissions for subjects: docs/PROTOCOL.md "Permissions". */
import { failure, type Outcome } from "./errors.ts";
import { isInbox, isPattern, isSubject } from "./subject.ts";

/**
 * The control subjects. An operator must not send to them: the message would look like one of the manager or of an
 * agent.
 */
const CONTROL: ReadonlySet<string> = new Set([
  "agent.register",
  "agent.welcome",
  "agent.heartbeat",
  "agent.heartbeat.ack",
  "agent.heartbeat.align",
  "agent.status",
  "agent.subscribe",
  "agent.unsubscribe",
  "agent.credit",
  "agent.reconnect",
  "agent.rotate",
  "agent.error",
]);

/** The subjects of the live feed begin with these. A message of an operator to them would look like one of the manager. */
const FEED = ["presence.", "registry.", "live."] as const;

/** An operator may send to any subject except control subjects, inboxes and the subjects of the live feed. */
export function operatorMaySend(subject: string): Outcome<string> {
  if (!isSubject(subject)) return failure("invalid_subject", "subject is not a valid subject");
  return CONTROL.has(subject) || isInbox(subject) || FEED.some((beginning) => subject.startsWith(beginning))
    ? failure("forbidden", `only the manager and the agent itself may send to ${subject}`)
    : { ok: true, value: subject };
}

/** An agent may subscribe to patterns that begin with `fleet.` or `agents.<its id>.`. */
export function agentMaySubscribe(agentId: string, pattern: string): Outcome<string> {
  if (!isPattern(pattern)) return failure("invalid_subject", `${JSON.stringify(pattern)} is not a valid pattern`);
  return pattern.startsWith("fleet.") || pattern.startsWith(`agents.${agentId}.`)
    ? { ok: true, value: pattern }
    : failure("forbidden", `an agent may have no subscription to ${pattern}`);
}

/** A viewer of the live feed may subscribe to patterns that begin with `fleet.` or `agents.`. */
export function viewerMaySubscribe(pattern: string): Outcome<string> {
  if (!isPattern(pattern)) return failure("invalid_subject", `${JSON.stringify(pattern)} is not a valid pattern`);
  return pattern.startsWith("fleet.") || pattern.startsWith("agents.")
    ? { ok: true, value: pattern }
    : failure("forbidden", `a viewer may have no subscription to ${pattern}`);
}
