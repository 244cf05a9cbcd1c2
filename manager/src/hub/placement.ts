/** Which hub an agent belongs to. */

/** The name of the hub that holds `agentId` among `shards` hubs. */
export function hubName(agentId: string, shards: number): string {
  return shardName(shardOf(agentId, shards));
}

/** The one of `shards` equal parts that an agent falls into, from 0. */
export function shardOf(agentId: string, shards: number): number {
  // FNV-1a, 32 bits: agent ids are ASCII and uniform already; it only has to be the same everywhere.
  let hash = 0x811c9dc5;
  for (let i = 0; i < agentId.length; i++) hash = Math.imul(hash ^ agentId.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}

/**
 * Whether there is a hub of this name among `shards` hubs. After a change of HUB_SHARDS there may be others that still
 * hold sockets.
 */
export function isCurrent(name: string, shards: number): boolean {
  return shardNames(shards).includes(name);
}

/** The names of `shards` hubs. */
export function shardNames(shards: number): string[] {
  return Array.from({ length: shards }, (_, shard) => shardName(shard));
}

/** The name of hub number `shard`, counted from 0. */
export function shardName(shard: number): string {
  return `hub-${shard}`;
}
