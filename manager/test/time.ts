/** Makes time pass for the hub by changing the times that are stored with its sockets and leases. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import type { ConnectionState } from "../src/hub/connection-state.ts";
import { hub, type TestAgent } from "./manager.ts";

/** Moves the times in the attachment of an agent's socket back, as if time had passed. */
export async function age(agent: TestAgent, ms: number): Promise<void> {
  await runInDurableObject(hub(), (_, ctx) => {
    const [socket] = ctx.getWebSockets(agent.connection);
    const state = socket?.deserializeAttachment() as ConnectionState;
    socket?.serializeAttachment({
      ...state,
      connectedAt: state.connectedAt - ms,
      lastMessageAt: state.lastMessageAt - ms,
    });
  });
  await evictDurableObject(hub());
}

/** Does the same in the row of an agent's connection, which a hub reads after a restart. */
export async function ageStored(agent: TestAgent, ms: number): Promise<void> {
  await runInDurableObject(hub(), (_, { storage: { sql } }) => {
    sql.exec("UPDATE sweep SET at = 0");
    sql.exec(
      `UPDATE connections SET state = json_set(state, '$.connectedAt', state ->> 'connectedAt' - ?1,
         '$.lastMessageAt', state ->> 'lastMessageAt' - ?1) WHERE id = ?2`,
      ms,
      agent.connection,
    );
  });
}

/** Does the same for an agent's HTTP lease, which is stored as a row. */
export async function ageHttpLease(agentId: string, ms: number): Promise<void> {
  await runInDurableObject(hub(), (_, ctx) => {
    const { sql } = ctx.storage;
    const { state } = sql
      .exec<{ state: string }>("SELECT state FROM connections WHERE id = ?", `http-${agentId}`)
      .one();
    const { connectedAt, lastMessageAt, ...rest } = JSON.parse(state) as ConnectionState;
    const aged = JSON.stringify({ ...rest, connectedAt: connectedAt - ms, lastMessageAt: lastMessageAt - ms });
    sql.exec("UPDATE connections SET state = ? WHERE id = ?", aged, `http-${agentId}`);
  });
  await evictDurableObject(hub());
}

/** Runs a sweep, as the alarm would, as if the last one were long ago. */
export async function sweep(): Promise<void> {
  await runInDurableObject(hub(), (_, ctx) => ctx.storage.sql.exec("UPDATE sweep SET at = 0"));
  await evictDurableObject(hub());
  await runDurableObjectAlarm(hub());
}
