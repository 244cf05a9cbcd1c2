/**
 * Tells the hubs what concerns their live feeds: docs/API.md "Live feed". No request waits for that, and none fails
 * because of it.
 */
import type { Context } from "hono";
import { tellEveryHub, tellHub } from "../hubs.ts";
import { recordedAgentJson } from "../registry/agent-json.ts";
import type { AgentRecord } from "../registry/agents.ts";
import type { App } from "./router.ts";

/** Tells the viewers of an agent that an operator has changed. */
export function announceChange(c: Context<App>, change: "renamed" | "revoked", record: AgentRecord): void {
  const { id, revision } = record;
  const json = JSON.stringify(recordedAgentJson(record));
  c.executionCtx.waitUntil(tellHub(c.env, id, async (hub) => hub.announce(id, change, revision, json)));
}

/** Tells the viewers of an agent that an operator has removed. */
export function announceRemoval(c: Context<App>, id: string, revision: number): void {
  c.executionCtx.waitUntil(tellHub(c.env, id, async (hub) => hub.announce(id, "removed", revision, null)));
}

/**
 * Closes the live feeds of a session that is over, or of all sessions if it is null. A hub that cannot be told asks the
 * registry when the session would have ended without use, and closes the feeds then.
 */
export function closeFeeds(c: Context<App>, idHash: string | null): void {
  c.executionCtx.waitUntil(tellEveryHub(c.env, async (hub) => hub.endSessions(idHash)));
}
