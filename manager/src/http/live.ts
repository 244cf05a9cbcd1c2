/**
 * Tells the hubs of changes for their live feeds: docs/API.md "Live feed". No request waits for this, and no request
 * fails because of it.
 */
import type { Context } from "hono";
import { tellEveryHub, tellHub, tellOwnHubs } from "../hubs.ts";
import { recordedAgentJson } from "../registry/agent-json.ts";
import type { AgentRecord } from "../registry/agents.ts";
import type { App } from "./router.ts";

/** What an operator has changed: docs/API.md "Changes". */
export type OperatorChange = "renamed" | "labelled" | "revoked" | "removed";

/** Tells the viewers of an agent that an operator has changed. */
export function announceChange(c: Context<App>, change: OperatorChange, record: AgentRecord): void {
  const { id, revision, agentJson } = news(change, record);
  c.executionCtx.waitUntil(tellHub(c.env, id, async (hub) => hub.announce(id, change, revision, agentJson)));
}

/** Tells the viewers of agents that an operator has changed together. */
export function announceChanges(c: Context<App>, change: OperatorChange, records: readonly AgentRecord[]): void {
  const changes = records.map((record) => news(change, record));
  c.executionCtx.waitUntil(tellOwnHubs(c.env, changes, async (hub, told) => hub.announceEach(told)));
}

function news(change: OperatorChange, record: AgentRecord) {
  const { id, revision } = record;
  const agentJson = change === "removed" ? null : JSON.stringify(recordedAgentJson(record));
  return { id, change, revision, agentJson };
}

/**
 * Closes the live feeds of a session that is over, or of all sessions if `idHash` is null. A hub that cannot be reached
 * closes them later: it asks the registry when the unused session would have ended.
 */
export function endSessions(c: Context<App>, idHash: string | null): void {
  c.executionCtx.waitUntil(tellEveryHub(c.env, async (hub) => hub.endSessions(idHash)));
}
