import { setTimeout as pause } from "node:timers/promises";
import { Admin, type Agent } from "../stack/admin.ts";
import { UserError } from "../stack/user-error.ts";
import type { Terminal } from "./terminal.ts";

/** Cloudflare resets a hub that stays awake this long after a deploy: `max_delay` in manager/wrangler.jsonc. */
export const RESET_WITHIN_MS = 300_000;

const POLL_MS = 5_000;

/** Which agents were online, and since when. */
export type Roll = ReadonlyMap<string, Agent>;

/** The agents that are online; undefined without the password, or if the manager cannot say. */
export async function callRoll(url: string | undefined, password: string | undefined): Promise<Roll | undefined> {
  if (url === undefined || password === undefined) return undefined;
  try {
    return online(await new Admin(new URL(url), password).agents());
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** What a change has cost the fleet: how many agents have connected again, and how many are away. */
export function cost(before: Roll, after: Roll): { reconnected: number; away: number } {
  let reconnected = 0;
  let away = 0;
  for (const [id, { connectedAt }] of before) {
    const now = after.get(id);
    if (now === undefined) away++;
    else if (now.connectedAt !== connectedAt) reconnected++;
  }
  return { reconnected, away };
}

/** Says what a change has cost so far, or watches until no hub can be reset any more. */
export async function sayCost(
  terminal: Terminal,
  url: string,
  password: string | undefined,
  before: Roll | undefined,
  watchMs: number,
): Promise<void> {
  if (before === undefined) {
    terminal.say("   Set ADMIN_PASSWORD to see how many agents a deploy makes reconnect.");
    return;
  }
  const end = performance.now() + watchMs;
  let after = before;
  for (;;) {
    after = (await callRoll(url, password)) ?? after;
    if (performance.now() >= end) break;
    await pause(Math.min(POLL_MS, watchMs));
  }
  const { reconnected, away } = cost(before, after);
  const when = watchMs === 0 ? " so far; a hub that stays awake is reset within 5 minutes (WATCH=1 waits for it)" : "";
  terminal.say(`   agents online before: ${before.size}, reconnected: ${reconnected}, away: ${away}${when}`);
}

function online(agents: readonly Agent[]): Roll {
  return new Map(agents.filter(({ status }) => status === "online").map((agent) => [agent.id, agent]));
}
