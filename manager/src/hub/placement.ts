/** Maps an agent id to its hub. */

const PREFIX = "hub-";

/** The name of the hub that holds `agentId` among `shards` hubs. */
export function hubName(agentId: string, shards: number): string {
  return shardName(shardOf(agentId, shards));
}

/** The shard of an agent: a number from 0 to `shards` − 1. */
export function shardOf(agentId: string, shards: number): number {
  return hash(agentId) % shards;
}

/** FNV-1a, 32 bits. Ids and names are ASCII, and ids are already random, so a simple hash is enough. It must never change. */
export function hash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * Whether `name` is one of the current `shards` hubs. After a change of HUB_SHARDS, other hubs may still hold sockets.
 */
export function isCurrent(name: string, shards: number): boolean {
  const shard = Number(name.slice(PREFIX.length));
  return Number.isInteger(shard) && shard >= 0 && shard < shards && shardName(shard) === name;
}

/** The names of the current `shards` hubs. */
export function shardNames(shards: number): string[] {
  return Array.from({ length: shards }, (_, shard) => shardName(shard));
}

/** The name of hub number `shard`, counted from 0. */
export function shardName(shard: number): string {
  return `${PREFIX}${shard}`;
}
