/**
 * Calls to hubs over typed RPC: to one agent's, to one shard's, to all; and which calls may be made twice.
 *
 * An agent connects to the hub that HUB_SHARDS gives it. After a change of HUB_SHARDS another hub may still hold its socket: the one
 * that the agent's row names. So whoever looks for a connection asks both.
 */
import { settings } from "./config.ts";
import type { AgentHub } from "./hub/hub.ts";
import { hubName, isCurrent, shardName, shardNames } from "./hub/placement.ts";
import { failure, type Outcome } from "./protocol/errors.ts";
import { findHub, listHubs } from "./registry/hubs.ts";
import { RegistryUnavailable } from "./registry/query.ts";

type HubCall<T> = (hub: DurableObjectStub<AgentHub>) => Promise<T>;

/**
 * Calls the hub that an agent connects to. If the call fails and the runtime says that a second try may help, it is made
 * twice.
 */
export function callHub<T>(env: Env, agentId: string, call: HubCall<T>): Promise<T> {
  return twice(env, ownHub(env, agentId), call);
}

/**
 * Calls every hub that may hold a connection of the agent; each call may be made twice.
 * @param recorded the hub that the agent's row names
 */
export function callHubsOf<T>(env: Env, agentId: string, recorded: string | null, call: HubCall<T>): Promise<T[]> {
  const names = new Set([ownHub(env, agentId), ...(recorded === null ? [] : [recorded])]);
  return Promise.all([...names].map((name) => twice(env, name, call)));
}

/**
 * Asks the hub that holds the agent's connection: first the agent's own, at most once, and if the agent is not connected there, the
 * one that its row names.
 * @param isMissing whether the answer says that the agent is not connected to the hub
 */
export async function callHolder<T>(
  env: Env,
  agentId: string,
  call: HubCall<T>,
  isMissing: (answer: T) => boolean,
): Promise<T> {
  const own = ownHub(env, agentId);
  const answer = await once(env, own, call);
  if (!isMissing(answer)) return answer;
  const recorded = await findHub(env.DB, agentId);
  return recorded === null || recorded === own ? answer : once(env, recorded, call);
}

/** Has a hub ask an agent, as {@link callHolder} does. If the hub is lost meanwhile, so is the agent's connection. */
export async function askThroughHub<T>(
  env: Env,
  agentId: string,
  call: HubCall<Outcome<T>>,
  isMissing: (outcome: Outcome<T>) => boolean = isNotConnected,
): Promise<Outcome<T>> {
  try {
    return await callHolder(env, agentId, call, isMissing);
  } catch (error) {
    if (!(error instanceof HubUnavailable)) throw error;
    return failure("disconnected", "the hub was lost before the reply; the agent may have had the request");
  }
}

function isNotConnected(outcome: Outcome<unknown>): boolean {
  return !outcome.ok && outcome.error.code === "no_responders" && outcome.error.byAgent === undefined;
}

/**
 * Asks each hub about those of these agents that it may hold, in parallel; each call may be made twice. A hub of before is asked
 * about those that the registry says it holds.
 */
export function callHubsOfEach<T>(
  env: Env,
  agents: Iterable<{ readonly id: string; readonly hub: string | null; readonly status: "online" | "offline" }>,
  call: (hub: DurableObjectStub<AgentHub>, agentIds: string[]) => Promise<T>,
): Promise<T[]> {
  const { hubShards } = settings(env);
  const idsByHub = new Map<string, string[]>();
  for (const { id, hub, status } of agents) {
    const names = new Set([hubName(id, hubShards)]);
    if (hub !== null && (status === "online" || isCurrent(hub, hubShards))) names.add(hub);
    for (const name of names) {
      const ids = idsByHub.get(name);
      if (ids === undefined) idsByHub.set(name, [id]);
      else ids.push(id);
    }
  }
  return Promise.all([...idsByHub].map(([name, ids]) => twice(env, name, (hub) => call(hub, ids))));
}

/** Calls the present hubs and these others in parallel; each call may be made twice. */
export function callHubs<T>(env: Env, others: Iterable<string>, call: HubCall<T>): Promise<T[]> {
  const names = new Set([...shardNames(settings(env).hubShards), ...others]);
  return Promise.all([...names].map((name) => twice(env, name, call)));
}

/** Calls every hub that holds sockets in parallel, each at most once. If the registry cannot say which, the present ones. */
export async function callEveryHubOnce<T>(env: Env, call: HubCall<T>): Promise<T[]> {
  const known = await listHubs(env.DB).catch((error) => {
    if (error instanceof RegistryUnavailable) return [];
    throw error;
  });
  const names = new Set([...shardNames(settings(env).hubShards), ...known]);
  return Promise.all([...names].map((name) => once(env, name, call)));
}

/** Calls the hub of one shard at most once. */
export function callShardOnce<T>(env: Env, shard: number, call: HubCall<T>): Promise<T> {
  return once(env, shardName(shard), call);
}

function ownHub(env: Env, agentId: string): string {
  return hubName(agentId, settings(env).hubShards);
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

/** The runtime marks the errors of its own that are worth a second try. */
function isRetryable(error: unknown): boolean {
  return (
    error instanceof Error &&
    "retryable" in error &&
    error.retryable === true &&
    !("overloaded" in error && error.overloaded === true)
  );
}
