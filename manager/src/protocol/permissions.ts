/** Who may send to which subject: docs/PROTOCOL.md "Subjects an agent may send". */
import { isInbox } from "./subject.ts";

/** Subjects with a meaning of their own on the link; an operator's message on one could pass for the manager's or an agent's. */
const CONTROL: ReadonlySet<string> = new Set([
  "agent.register",
  "agent.welcome",
  "agent.heartbeat",
  "agent.heartbeat.ack",
  "agent.status",
  "agent.error",
]);

/** Operators send anywhere but to control subjects and inboxes. */
export function operatorMaySend(subject: string): boolean {
  return !CONTROL.has(subject) && !isInbox(subject);
}
