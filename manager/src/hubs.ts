/** Calls to hubs over typed RPC: to one agent's, to one shard's, to all; and which calls may be made twice. */
import { settings } from "./config.ts";
import type { AgentHub } from "./hub/hub.ts";
import { hubName, shardName } from "./hub/placement.ts";
import { failure, type Outcome } from "./protocol/errors.ts";

type HubCall<T> = (hub: DurableObjectStub<AgentHub>) => Promise<T>;

/** Calls the hub of one agent. If the call fails and the runtime says that a second try may help, it is made twice. */
export function callHub<T>(env: Env, agentId: string, call: HubCall<T>): Promise<T> {
  return twice(env, hubName(agentId, settings(env).hubShards), call);
}

/** Calls the hub of one agent at most once. */
export function callHubOnce<T>(env: Env, agentId: string, call: HubCall<T>): Promise<T> {
  return once(env, hubName(agentId, settings(env).hubShards), call);
}

/** Asks an agent through its hub, at most once. If the hub is lost meanwhile, so is the agent's connection. */
export async function askThroughHub<T>(env: Env, agentId: string, call: HubCall<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await callHubOnce(env, agentId, call);
  } catch (error) {
    if (!(error instanceof HubUnavailable)) throw error;
    return failure("disconnected", "the hub was lost before the reply; the agent may have had the request");
  }
}

/** Calls every hub in parallel; each call may be made twice. */
export function callEveryHub<T>(env: Env, call: HubCall<T>): Promise<T[]> {
  return Promise.all(hubNames(env).map((name) => twice(env, name, call)));
}

/** Calls every hub in parallel, each at most once. */
export function callEveryHubOnce<T>(env: Env, call: HubCall<T>): Promise<T[]> {
  return Promise.all(hubNames(env).map((name) => once(env, name, call)));
}

/** Calls the hub of one shard at most once. */
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

/** The names of all hubs. */
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
