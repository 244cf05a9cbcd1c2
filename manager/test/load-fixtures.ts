/** Puts what another release has stored in place of what this one has; scripts/write-fixtures.ts says what a dump holds. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { AgentHub } from "../src/hub/hub.ts";
import { hub } from "./manager.ts";

type Row = Readonly<Record<string, unknown>>;
type Tables = Readonly<Record<string, readonly Row[]>>;

/** An agent of the dump; it has no connection any more if it has left. */
export interface Kind {
  readonly agentId: string;
  readonly connection: string;
  readonly token?: string;
}

export interface Dump {
  readonly at: number;
  readonly kinds: Readonly<Record<string, Kind>>;
  readonly sockets: readonly { readonly tags: readonly string[]; readonly attachment: unknown }[];
  readonly hubSchema: readonly string[];
  readonly hub: Tables;
  readonly d1: Tables;
}

/**
 * Loads a dump into the registry and the hub, which then hibernates, and sets the clock to the time of the dump. The
 * registry must be migrated.
 * @returns the agents' ends of the sockets, by connection id
 */
export async function loadFixtures({ at, sockets, hubSchema, hub: tables, d1 }: Dump): Promise<Map<string, WebSocket>> {
  vi.setSystemTime(at);
  const statements = inserts(d1).map(({ sql, values }) => env.DB.prepare(sql).bind(...values));
  if (statements.length > 0) await env.DB.batch(statements);
  const clients = new Map<string, WebSocket>();
  await runInDurableObject(hub(), (_, ctx) => {
    const { sql } = ctx.storage;
    for (const name of Object.keys(tables)) sql.exec(`DROP TABLE IF EXISTS "${name}"`);
    for (const statement of hubSchema) sql.exec(statement);
    for (const { sql: insert, values } of inserts(tables)) sql.exec(insert, ...values);
  });
  for (const socket of sockets) clients.set(socket.tags[0] ?? "", await attach(socket));
  await evictDurableObject(hub());
  return clients;
}

/** A socket of the hub with this attachment. The hub's own `fetch` would give it another one. */
async function attach({ tags, attachment }: Dump["sockets"][number]): Promise<WebSocket> {
  const spy = vi.spyOn(AgentHub.prototype, "fetch").mockImplementation(function (this: AgentHub) {
    const { 0: client, 1: server } = new WebSocketPair();
    // biome-ignore lint/complexity/useLiteralKeys: the field is protected, and this test is no subclass.
    this["ctx"].acceptWebSocket(server, [...tags]);
    server.serializeAttachment(attachment);
    return new Response(null, { status: 101, webSocket: client }) as never;
  });
  try {
    const { webSocket } = await hub().fetch("https://hub.test/", { headers: { Upgrade: "websocket" } });
    if (webSocket === null) throw new Error("no socket");
    webSocket.accept();
    return webSocket;
  } finally {
    spy.mockRestore();
  }
}

function inserts(tables: Tables): { sql: string; values: unknown[] }[] {
  return Object.entries(tables).flatMap(([name, rows]) =>
    rows.map((row) => {
      const columns = Object.keys(row).map((column) => `"${column}"`);
      const places = columns.map(() => "?");
      const sql = `INSERT INTO "${name}" (${columns.join(", ")}) VALUES (${places.join(", ")})`;
      return { sql, values: Object.values(row) };
    }),
  );
}
