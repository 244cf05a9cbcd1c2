/** D1 queries on hubs: which hold sockets, whatever HUB_SHARDS says, and how many transitions they have parked. */
import { query } from "./query.ts";

/** The names of all hubs that hold sockets, or did when they last wrote. */
export async function listHubs(db: D1Database): Promise<string[]> {
  const { results } = await query(db.prepare("SELECT name FROM hubs ORDER BY name").all<{ name: string }>());
  return results.map(({ name }) => name);
}

/** The hub that wrote the agent's presence last, removed agents included; null if none did, or none that is known. */
export function findHub(db: D1Database, agentId: string): Promise<string | null> {
  return query(db.prepare("SELECT hub FROM agents WHERE id = ?").bind(agentId).first<string | null>("hub"));
}

/** Forgets a hub that holds no sockets and will get none. */
export async function deleteHub(db: D1Database, name: string): Promise<void> {
  await query(db.prepare("DELETE FROM hubs WHERE name = ? AND parked = 0").bind(name).run());
}

/** How many transitions the registry has rejected that hubs keep. */
export async function countParked(db: D1Database): Promise<number> {
  return (await query(db.prepare("SELECT sum(parked) AS n FROM hubs").first<number | null>("n"))) ?? 0;
}
