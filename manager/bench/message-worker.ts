/**
 * The Worker for scripts/bench/manager.ts: the manager as it is deployed, and objects to compare its hub with. Only the
 * benchmark builds it.
 */
import { DurableObject } from "cloudflare:workers";
import { randomId } from "../src/digest.ts";
import { shardName } from "../src/hub/placement.ts";
import manager from "../src/index.ts";
import { encode } from "../src/protocol/message.ts";

export { AgentHub } from "../src/hub/hub.ts";

/** Each class has one object. */
const NAME = shardName(0);

type BenchEnv = Env & {
  BARE: DurableObjectNamespace<Bare>;
  PARSING: DurableObjectNamespace<Parsing>;
  VERIFIED: DurableObjectNamespace<Verified>;
};

/** Opens a socket in an object. The first frame is a welcome, so that all clients can begin alike. */
function open(ctx: DurableObjectState, tags: string[]): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  const connection = randomId();
  ctx.acceptWebSocket(server, [connection, ...tags]);
  server.send(encode("agent.welcome", { dataJson: JSON.stringify({ connection }) }));
  return new Response(null, { status: 101, webSocket: client });
}

/** An object that does nothing but send: it echoes frames and passes requests on. */
export class Bare extends DurableObject<BenchEnv> {
  #answered: ((frame: string) => void) | null = null;

  override fetch(): Response {
    return open(this.ctx, []);
  }

  override webSocketMessage(socket: WebSocket, frame: string): void {
    if (this.#answered === null) socket.send(frame);
    else this.#answered(frame);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    if (code !== 1006) socket.close(1000);
  }

  /** Sends a frame to the first socket and returns the next frame that comes back. */
  async ask(frame: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#answered = resolve;
    this.ctx.getWebSockets()[0]?.send(frame);
    const answer = await promise;
    this.#answered = null;
    return answer;
  }
}

/** An object that also parses each frame and prints it again, as one that looks at frames has to. */
export class Parsing extends DurableObject<BenchEnv> {
  override fetch(): Response {
    return open(this.ctx, []);
  }

  override webSocketMessage(socket: WebSocket, frame: string): void {
    const { reply, data }: { reply: string; data: unknown } = JSON.parse(frame);
    socket.send(JSON.stringify({ subject: reply, data, timestamp: Date.now() }));
  }
}

/** An object that keeps a row of each connection. The Worker verifies the token before it asks the object. */
export class Verified extends DurableObject<BenchEnv> {
  constructor(ctx: DurableObjectState, env: BenchEnv) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS connections (id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID");
  }

  override fetch(request: Request): Response {
    const id = request.headers.get("Bench-Agent") ?? "";
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO connections VALUES (?, ?)", id, Date.now());
    return open(this.ctx, [id]);
  }

  /** Every frame counts as a registration. */
  override webSocketMessage(socket: WebSocket, frame: string): void {
    const { reply }: { reply: string } = JSON.parse(frame);
    socket.send(encode(reply, { dataJson: "{}" }));
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    const [, id] = this.ctx.getTags(socket);
    this.ctx.storage.sql.exec("DELETE FROM connections WHERE id = ?", id ?? "");
    if (code !== 1006) socket.close(1000);
  }

  /** Sends a frame to every socket. */
  publish(frame: string): number {
    const sockets = this.ctx.getWebSockets();
    for (const socket of sockets) socket.send(frame);
    return sockets.length;
  }
}

let key: Promise<CryptoKey> | undefined;

/** The least that a manager can do before it lets a socket in: an HMAC, a rate limit and a row of D1. */
async function verify(request: Request, env: BenchEnv): Promise<string | null> {
  const [id = "", signature = ""] = (request.headers.get("Authorization") ?? "").replace("Bearer ", "").split(".");
  const text = new TextEncoder();
  const hmac = { name: "HMAC", hash: "SHA-256" };
  key ??= crypto.subtle.importKey("raw", text.encode(env.JWT_SECRET), hmac, false, ["verify"]);
  const valid = await crypto.subtle.verify("HMAC", await key, bytesOf(signature), text.encode(id));
  if (!valid || !(await env.UPGRADE_LIMIT.limit({ key: id })).success) return null;
  const row = await env.DB.prepare("SELECT id FROM bench_agents WHERE id = ?").bind(id).first();
  return row === null ? null : id;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** As many bytes as a list of agents has: rows of D1 whose text needs no more than to be joined. */
async function list(env: BenchEnv): Promise<Response> {
  const { results } = await env.DB.prepare("SELECT json FROM bench_list ORDER BY id").all<{ json: string }>();
  return new Response(`[${results.map(({ json }) => json).join(",")}]`, {
    headers: { "Content-Type": "application/json" },
  });
}

export default {
  async fetch(request: Request, env: BenchEnv, ctx: ExecutionContext): Promise<Response> {
    switch (new URL(request.url).pathname) {
      case "/bare":
        return env.BARE.getByName(NAME).fetch(request);
      case "/parsing":
        return env.PARSING.getByName(NAME).fetch(request);
      case "/verified": {
        const id = await verify(request, env);
        if (id === null) return new Response(null, { status: 401 });
        return env.VERIFIED.getByName(NAME).fetch(request.url, {
          headers: { Upgrade: "websocket", "Bench-Agent": id },
        });
      }
      case "/bare/ask":
        return new Response(await env.BARE.getByName(NAME).ask(await request.text()));
      case "/verified/publish":
        return Response.json(await env.VERIFIED.getByName(NAME).publish(await request.text()));
      case "/bare/list":
        return list(env);
      default:
        return manager.fetch(request, env, ctx);
    }
  },
};
