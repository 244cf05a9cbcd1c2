/** The live connections of one hub, by id and by agent. */
import type { Connection } from "./connection.ts";

export class Connections {
  readonly #byId = new Map<string, Connection>();
  readonly #byAgent = new Map<string, Set<Connection>>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  /** Every connection, in a copy that may be walked while connections come and go. */
  all(): Connection[] {
    return [...this.#byId.values()];
  }

  /** Every connection of an agent, registered or not, likewise in a copy. */
  of(agentId: string): Connection[] {
    return [...(this.#byAgent.get(agentId) ?? [])];
  }

  add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    const siblings = this.#byAgent.get(connection.agentId);
    if (siblings === undefined) this.#byAgent.set(connection.agentId, new Set([connection]));
    else siblings.add(connection);
  }

  delete(connection: Connection): void {
    this.#byId.delete(connection.id);
    const siblings = this.#byAgent.get(connection.agentId);
    siblings?.delete(connection);
    if (siblings?.size === 0) this.#byAgent.delete(connection.agentId);
  }
}
