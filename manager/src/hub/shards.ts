/** Which hub an agent belongs to. */

import { settings } from "../config.ts";
import type { AgentHub } from "./hub.ts";

type HubStub = DurableObjectStub<AgentHub>;

/** The name of the hub that holds `agentId` among `shards` hubs. */
export function hubName(agentId: string, shards: number): string {
  // FNV-1a, 32 bits: agent ids are ASCII and uniform already; it only has to be the same everywhere.
  let hash = 0x811c9dc5;
  for (let i = 0; i < agentId.length; i++) hash = Math.imul(hash ^ agentId.charCodeAt(i), 0x01000193);
  return `hub-${(hash >>> 0) % shards}`;
}

/** Calls the hub of one agent. */
export function callHub<T>(env: Env, agentId: string, call: (hub: HubStub) => Promise<T>): Promise<T> {
  return callNamed(env, hubName(agentId, settings(env).hubShards), call);
}

/** Calls every hub, at once. */
export function callEveryHub<T>(env: Env, call: (hub: HubStub) => Promise<T>): Promise<T[]> {
  const names = Array.from({ length: settings(env).hubShards }, (_, n) => `hub-${n}`);
  return Promise.all(names.map((name) => callNamed(env, name, call)));
}

/** A hub could not be asked; whoever catches this answers 503 and the caller retries. */
export class HubUnavailable extends Error {
  constructor(cause: unknown) {
    super("the hub cannot be reached; try again shortly", { cause });
  }
}

async function callNamed<T>(env: Env, name: string, call: (hub: HubStub) => Promise<T>): Promise<T> {
  try {
    return await call(env.HUB.getByName(name));
  } catch (error) {
    if (!isRetryable(error)) throw new HubUnavailable(error);
  }
  try {
    // A stub that threw stays broken, so the second try takes a new one.
    return await call(env.HUB.getByName(name));
  } catch (error) {
    throw new HubUnavailable(error);
  }
}

/** The runtime marks the errors of its own that are worth a second try. */
function isRetryable(error: unknown): boolean {
  return (
    error instanceof Error &&
    "retryable" in error &&
    error.retryable === true &&
    !("overloaded" in error && error.overloaded === true)
  );
}
