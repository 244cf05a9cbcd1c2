/** Which hub an agent belongs to. */

import { settings } from "../config.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import type { AgentHub } from "./hub.ts";

type HubCall<T> = (hub: DurableObjectStub<AgentHub>) => Promise<T>;

/** The name of the hub that holds `agentId` among `shards` hubs. */
export function hubName(agentId: string, shards: number): string {
  // FNV-1a, 32 bits: agent ids are ASCII and uniform already; it only has to be the same everywhere.
  let hash = 0x811c9dc5;
  for (let i = 0; i < agentId.length; i++) hash = Math.imul(hash ^ agentId.charCodeAt(i), 0x01000193);
  return shardName((hash >>> 0) % shards);
}

function shardName(shard: number): string {
  return `hub-${shard}`;
}

/** Calls the hub of one agent; a call that may be made twice is, where the runtime says it is worth it. */
export function callHub<T>(env: Env, agentId: string, call: HubCall<T>): Promise<T> {
  return twice(env, hubName(agentId, settings(env).hubShards), call);
}

/** Calls the hub of one agent with what must not happen twice. */
export function callHubOnce<T>(env: Env, agentId: string, call: HubCall<T>): Promise<T> {
  return once(env, hubName(agentId, settings(env).hubShards), call);
}

/** Asks an agent through its hub, at most once; a hub that is lost meanwhile has lost the connection too. */
export async function askThroughHub<T>(env: Env, agentId: string, call: HubCall<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await callHubOnce(env, agentId, call);
  } catch (error) {
    if (!(error instanceof HubUnavailable)) throw error;
    return failure("disconnected", "the hub was lost before the reply; the agent may have had the request");
  }
}

/** Calls every hub at once, likewise. */
export function callEveryHub<T>(env: Env, call: HubCall<T>): Promise<T[]> {
  return Promise.all(hubNames(env).map((name) => twice(env, name, call)));
}

/** Calls every hub at once with what must not happen twice. */
export function callEveryHubOnce<T>(env: Env, call: HubCall<T>): Promise<T[]> {
  return Promise.all(hubNames(env).map((name) => once(env, name, call)));
}

/** Calls the hub of one shard with what must not happen twice. */
export function callShardOnce<T>(env: Env, shard: number, call: HubCall<T>): Promise<T> {
  return once(env, shardName(shard), call);
}

/** A hub could not be asked; whoever catches this answers 503 and the caller retries. */
export class HubUnavailable extends Error {
  constructor(cause: unknown) {
    super("the hub cannot be reached; try again shortly", { cause });
  }
}

async function once<T>(env: Env, name: string, call: HubCall<T>): Promise<T> {
  try {
    // A stub that threw stays broken, so every call takes a new one.
    return await call(env.HUB.getByName(name));
  } catch (error) {
    throw new HubUnavailable(error);
  }
}

async function twice<T>(env: Env, name: string, call: HubCall<T>): Promise<T> {
  try {
    return await once(env, name, call);
  } catch (error) {
    if (!(error instanceof HubUnavailable && isRetryable(error.cause))) throw error;
    return once(env, name, call);
  }
}

function hubNames(env: Env): string[] {
  return Array.from({ length: settings(env).hubShards }, (_, shard) => shardName(shard));
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
