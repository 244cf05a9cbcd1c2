/**
 * Calls to hubs over typed RPC: to the hub of one agent, to the hub of one shard, to all hubs. Some calls are retried
 * once.
 *
 * HUB_SHARDS decides to which hub an agent connects. After a change of HUB_SHARDS another hub may still hold the
 * agent's socket. The agent's row names that hub. To find a connection, these functions ask both hubs.
 */
import { settings } from "./config.ts";
import type { AgentHub } from "./hub/hub.ts";
import { hubName, isCurrent, shardName, shardNames } from "./hub/placement.ts";
import { log } from "./log.ts";
import { failure, type Outcome } from "./protocol/errors.ts";
import { findHub, listHubs } from "./registry/hubs.ts";
import { RegistryUnavailable } from "./registry/query.ts";

type HubCall<T> = (hub: DurableObjectStub<AgentHub>) => Promise<T>;

/** Calls the hub that an agent connects to. If the runtime marks a failure as retryable, the call is repeated once. */
export function callHub<T>(env: Env, agentId: string, call: HubCall<T>): Promise<T> {
  return callWithRetry(env, ownHub(env, agentId), call);
}

/**
 * Calls every hub that may hold a connection of the agent. Each call may be repeated once.
 * @param recorded the hub that the agent's row names
 */
export function callHubsOf<T>(env: Env, agentId: string, recorded: string | null, call: HubCall<T>): Promise<T[]> {
  const names = new Set([ownHub(env, agentId), ...(recorded === null ? [] : [recorded])]);
  return Promise.all([...names].map((name) => callWithRetry(env, name, call)));
}

/**
 * Calls the hub that holds the agent's connection. Asks the agent's own hub first. If the agent is not connected there,
 * asks the hub that the agent's row names. No call is repeated.
 * @param isMissing whether the answer says that the agent is not connected to the hub
 */
export async function callConnectedHub<T>(
  env: Env,
  agentId: string,
  call: HubCall<T>,
  isMissing: (answer: T) => boolean,
): Promise<T> {
  const own = ownHub(env, agentId);
  const answer = await callOnce(env, own, call);
  if (!isMissing(answer)) return answer;
  const recorded = await findHub(env.DB, agentId);
  return recorded === null || recorded === own ? answer : callOnce(env, recorded, call);
}

/**
 * Sends a request to an agent through the hub that holds its connection. If the hub is lost meanwhile, the agent's
 * connection is lost too.
 */
export async function askThroughHub<T>(
  env: Env,
  agentId: string,
  call: HubCall<Outcome<T>>,
  isMissing: (outcome: Outcome<T>) => boolean = isNotConnected,
): Promise<Outcome<T>> {
  try {
    return await callConnectedHub(env, agentId, call, isMissing);
  } catch (error) {
    if (!(error instanceof HubUnavailable)) throw error;
    return failure("disconnected", "the hub was lost before the reply; the agent may have had the request");
  }
}

function isNotConnected(outcome: Outcome<unknown>): boolean {
  return !outcome.ok && outcome.error.code === "no_responders" && outcome.error.byAgent === undefined;
}

/**
 * Calls each hub with the ids of the agents that it may hold, in parallel. Each call may be repeated once. An earlier hub is
 * called for the agents whose rows name it.
 */
export function callHubsOfEach<T>(
  env: Env,
  agents: Iterable<HeldAgent>,
  call: (hub: DurableObjectStub<AgentHub>, agentIds: string[]) => Promise<T>,
): Promise<T[]> {
  return Promise.all(
    [...idsByHub(env, agents)].map(([name, ids]) => callWithRetry(env, name, (hub) => call(hub, ids))),
  );
}

/** Does the same, but if a hub fails, that is only logged. Returns the ids of the agents whose hubs could not all be told. */
export async function tellHubsOfEach(
  env: Env,
  agents: Iterable<HeldAgent>,
  call: (hub: DurableObjectStub<AgentHub>, agentIds: string[]) => Promise<void>,
): Promise<Set<string>> {
  const untold = await Promise.all(
    [...idsByHub(env, agents)].map(async ([name, ids]) =>
      (await tell(env, name, (hub) => call(hub, ids))) ? [] : ids,
    ),
  );
  return new Set(untold.flat());
}

/** An agent, and where its row says that its connection is. */
interface HeldAgent {
  readonly id: string;
  readonly hub: string | null;
  readonly status: "online" | "offline";
}

/** The agents that each hub may hold, by the hub's name. */
function idsByHub(env: Env, agents: Iterable<HeldAgent>): Map<string, string[]> {
  const { hubShards } = settings(env);
  const byHub = new Map<string, string[]>();
  for (const { id, hub, status } of agents) {
    const names = new Set([hubName(id, hubShards)]);
    if (hub !== null && (status === "online" || isCurrent(hub, hubShards))) names.add(hub);
    for (const name of names) {
      const ids = byHub.get(name);
      if (ids === undefined) byHub.set(name, [id]);
      else ids.push(id);
    }
  }
  return byHub;
}

/** Calls the current hubs and these others in parallel. Each call may be repeated once. */
export function callHubs<T>(env: Env, others: Iterable<string>, call: HubCall<T>): Promise<T[]> {
  const names = new Set([...shardNames(settings(env).hubShards), ...others]);
  return Promise.all([...names].map((name) => callWithRetry(env, name, call)));
}

/**
 * Calls every hub that holds sockets in parallel, each at most once. If the registry cannot be reached, calls the
 * current hubs only.
 */
export async function callEveryHubOnce<T>(env: Env, call: HubCall<T>): Promise<T[]> {
  return Promise.all([...(await everyHub(env))].map((name) => callOnce(env, name, call)));
}

/**
 * Asks every hub that holds sockets, in parallel. The answer of a hub that cannot be reached, or that is of an earlier release and
 * does not have the method, is null.
 */
export async function askEveryHub<T>(env: Env, call: HubCall<T>): Promise<Map<string, T | null>> {
  const ask = async (name: string): Promise<[string, T | null]> => {
    try {
      return [name, await callOnce(env, name, call)];
    } catch (error) {
      if (!(error instanceof HubUnavailable)) throw error;
      return [name, null];
    }
  };
  return new Map(await Promise.all([...(await everyHub(env))].toSorted().map(ask)));
}

/** Does the same, and gives each hub the ids of those of the agents that it may hold. */
export async function callEveryHubOnceForEach<T>(
  env: Env,
  agents: Iterable<HeldAgent>,
  call: (hub: DurableObjectStub<AgentHub>, agentIds: string[]) => Promise<T>,
): Promise<T[]> {
  const byHub = idsByHub(env, agents);
  const names = new Set([...(await everyHub(env)), ...byHub.keys()]);
  return Promise.all([...names].map((name) => callOnce(env, name, (hub) => call(hub, byHub.get(name) ?? []))));
}

/** The hubs that hold sockets; the current hubs only if the registry cannot be reached. */
async function everyHub(env: Env): Promise<Set<string>> {
  const known = await listHubs(env.DB).catch((error) => {
    if (error instanceof RegistryUnavailable) return [];
    throw error;
  });
  return new Set([...shardNames(settings(env).hubShards), ...known]);
}

/** Tells something to the hub that an agent connects to. If that fails, it is only logged. */
export async function tellHub(env: Env, agentId: string, call: HubCall<void>): Promise<void> {
  await tell(env, ownHub(env, agentId), call);
}

/** Tells each of the hubs that these agents connect to what concerns its agents. If that fails, it is only logged. */
export async function tellOwnHubs<T extends { readonly id: string }>(
  env: Env,
  news: readonly T[],
  call: (hub: DurableObjectStub<AgentHub>, news: T[]) => Promise<void>,
): Promise<void> {
  const byHub = Map.groupBy(news, ({ id }) => ownHub(env, id));
  await Promise.all([...byHub].map(([name, own]) => tell(env, name, (hub) => call(hub, own))));
}

/** Tells something to every hub that holds sockets, in parallel. If a hub fails, that is only logged. */
export async function tellEveryHub(env: Env, call: HubCall<void>): Promise<void> {
  await Promise.all([...(await everyHub(env))].map((name) => tell(env, name, call)));
}

/**
 * Returns false if the call fails. During a deploy the hub may be of the release before, and may not have the method: then it
 * fails.
 */
async function tell(env: Env, name: string, call: HubCall<void>): Promise<boolean> {
  try {
    await callWithRetry(env, name, call);
    return true;
  } catch (error) {
    log.warn("a hub could not be told", { hub: name, error });
    return false;
  }
}

/** Calls the hub of one shard. The call may be repeated once. */
export function callShard<T>(env: Env, shard: number, call: HubCall<T>): Promise<T> {
  return callWithRetry(env, shardName(shard), call);
}

/** Calls the hub of one shard at most once. */
export function callShardOnce<T>(env: Env, shard: number, call: HubCall<T>): Promise<T> {
  return callOnce(env, shardName(shard), call);
}

function ownHub(env: Env, agentId: string): string {
  return hubName(agentId, settings(env).hubShards);
}

/** A hub cannot be reached. The HTTP API answers 503, and the client retries. */
export class HubUnavailable extends Error {
  constructor(cause: unknown) {
    super("the hub cannot be reached; try again shortly", { cause });
  }
}

async function callOnce<T>(env: Env, name: string, call: HubCall<T>): Promise<T> {
  try {
    // A stub that has thrown an error stays broken, so every call gets a new stub.
    return await call(env.HUB.getByName(name));
  } catch (error) {
    throw new HubUnavailable(error);
  }
}

async function callWithRetry<T>(env: Env, name: string, call: HubCall<T>): Promise<T> {
  try {
    return await callOnce(env, name, call);
  } catch (error) {
    if (!(error instanceof HubUnavailable && isRetryable(error.cause))) throw error;
    return callOnce(env, name, call);
  }
}

/**
 * The runtime sets `retryable` on its own errors if a second try may succeed, and `overloaded` if it must not be tried.
 */
function isRetryable(error: unknown): boolean {
  return (
    error instanceof Error &&
    "retryable" in error &&
    error.retryable === true &&
    !("overloaded" in error && error.overloaded === true)
  );
}
