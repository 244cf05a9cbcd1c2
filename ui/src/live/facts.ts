import { type Agent, type Connection, parseAgent, parseConnection } from "../agents/agent.ts";
import { number, object, text } from "../json.ts";
import type { Message } from "./message.ts";

/** One statement of the manager about an agent. */
export type Fact =
  | { readonly kind: "connection"; readonly id: string; readonly connection: Connection }
  /** The agent as the database has it. Its connection fields may be older than those of the feed. */
  | { readonly kind: "row"; readonly agent: Agent }
  | { readonly kind: "flapping"; readonly id: string; readonly until: number }
  | { readonly kind: "removed"; readonly id: string };

/**
 * The fact in a message of the feed; undefined if the message is not about an agent.
 * @throws ShapeError
 */
export function parseFact({ subject, data }: Message): Fact | undefined {
  const dot = subject.indexOf(".");
  const [area, id] = [subject.slice(0, dot), subject.slice(dot + 1)];
  if (area === "presence") return { kind: "connection", id, connection: parseConnection(object(data, "presence")) };
  if (area !== "registry") return undefined;
  const change = object(data, "change");
  if (text(change, "change") === "flapping") return { kind: "flapping", id, until: number(change, "flappingUntil") };
  return change.agent === null ? { kind: "removed", id } : { kind: "row", agent: parseAgent(change.agent) };
}
