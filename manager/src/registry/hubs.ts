/**
 * D1 queries for hubs: all hubs that hold sockets, also those before a change of HUB_SHARDS, and their parked
 * transitions.
 */
import { query } from "./query.ts";

/** The hub of an agent's row. An older version writes presence without the hub: then it is not known. */
export const HUB = "iif(hub_generation = generation, hub, NULL)";

/** The names of all hubs that hold sockets, or held sockets when they last wrote transitions. */
export async function listHubs(db: D1Database): Promise<string[]> {
  const { results } = await query(db.prepare("SELECT name FROM hubs ORDER BY name").all<{ name: string }>());
  return results.map(({ name }) => name);
}

/** The hub that last wrote the agent's presence; null if it is not known. Works for removed agents too. */
export function findHub(db: D1Database, agentId: string): Promise<string | null> {
  return query(db.prepare(`SELECT ${HUB} AS hub FROM agents WHERE id = ?`).bind(agentId).first<string | null>("hub"));
}

/** Deletes the row of a hub that holds no sockets and will get none. */
export async function deleteHub(db: D1Database, name: string): Promise<void> {
  await query(db.prepare("DELETE FROM hubs WHERE name = ? AND parked = 0").bind(name).run());
}

/** The number of parked transitions in all hubs: the registry rejected them. */
export async function countParked(db: D1Database): Promise<number> {
  return (await query(db.prepare("SELECT sum(parked) AS n FROM hubs").first<number | null>("n"))) ?? 0;
}
