/** Makes time pass for the hub: its sockets carry the times that it goes by. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import type { ConnectionState } from "../src/hub/connection.ts";
import { hub, type TestAgent } from "./manager.ts";

/** Rewrites what an agent's socket carries through hibernation, as if time had passed. */
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

/** Runs the sweep that is due, as the alarm would. */
export async function sweep(): Promise<void> {
  await runInDurableObject(hub(), (_, ctx) => ctx.storage.sql.exec("DELETE FROM sweep"));
  await runDurableObjectAlarm(hub());
}
