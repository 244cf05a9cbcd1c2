/**
 * The Worker for scripts/bench/sleep.ts: the manager as it is deployed, with a hub that records when it wakes, a bare
 * object to compare the hub with, and routes for the benchmark. Only the benchmark builds it.
 */
import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import { randomId } from "../src/digest.ts";
import { HeartbeatWindow } from "../src/hub/heartbeat-window.ts";
import { shardName } from "../src/hub/placement.ts";
import manager, { AgentHub as Hub } from "../src/index.ts";
import { encode, HEARTBEAT, HEARTBEAT_ACK } from "../src/protocol/message.ts";

/** The name of the only hub. The bare object has the same name, so that its sockets beat at the same times. */
const NAME = shardName(0);

type BenchEnv = Env & {
  BARE: DurableObjectNamespace<Bare>;
  /** If set, the bare object sweeps as often as the hub. */
  BARE_SWEEPS?: string;
};

/** What the object did, and when; Unix milliseconds. */
interface ObjectEvent {
  what: "woke" | "alarm" | "message" | "close" | "fetch" | "call";
  at: number;
}

/** An object shares the isolate of its Worker, so this list outlives the object's hibernation. */
let events: ObjectEvent[] = [];

function note(what: ObjectEvent["what"]): void {
  events.push({ what, at: Date.now() });
}

export class AgentHub extends Hub {
  constructor(ctx: DurableObjectState, env: Env) {
    note("woke");
    super(ctx, env);
  }

  override async fetch(request: Request): Promise<Response> {
    note("fetch");
    return super.fetch(request);
  }

  override async status(...asked: Parameters<Hub["status"]>): ReturnType<Hub["status"]> {
    note("call");
    return super.status(...asked);
  }

  override async webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    note("message");
    return super.webSocketMessage(socket, frame);
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    note("close");
    return super.webSocketClose(socket, code);
  }

  override async alarm(): Promise<void> {
    note("alarm");
    return super.alarm();
  }
}

/** The tag of every socket of the bare object. */
const BARE_TAG = "bare";

/** Does as little as an object with sockets can do: it echoes frames, and the runtime answers heartbeats. */
export class Bare extends DurableObject<BenchEnv> {
  constructor(ctx: DurableObjectState, env: BenchEnv) {
    super(ctx, env);
    note("woke");
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT, HEARTBEAT_ACK));
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    const connection = randomId();
    this.ctx.acceptWebSocket(server, [connection, BARE_TAG]);
    const window = this.#window;
    if (this.env.BARE_SWEEPS !== undefined) this.#sweepAfterNextWindow();
    const data = {
      connection,
      heartbeatIntervalMs: window.intervalMs,
      heartbeatDelayMs: window.delayMs(connection, Date.now()),
    };
    server.send(encode("agent.welcome", { dataJson: JSON.stringify(data) }));
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
    note("message");
    socket.send(frame);
  }

  override webSocketClose(): void {}

  /** Does as little as a sweep can do: it asks for the last heartbeat of every socket. */
  override alarm(): void {
    note("alarm");
    for (const socket of this.ctx.getWebSockets(BARE_TAG)) this.ctx.getWebSocketAutoResponseTimestamp(socket);
    this.#sweepAfterNextWindow();
  }

  #sweepAfterNextWindow(): void {
    void this.ctx.storage.setAlarm(this.#window.opensNext(Date.now()) + 10_000);
  }

  get #window(): HeartbeatWindow {
    return new HeartbeatWindow(NAME, Number(this.env.HEARTBEAT_INTERVAL_MS));
  }
}

const AgentIds = z.array(z.string());

export default {
  async fetch(request: Request, env: BenchEnv, ctx: ExecutionContext): Promise<Response> {
    switch (new URL(request.url).pathname) {
      case "/bare":
        return env.BARE.getByName(NAME).fetch(request);
      case "/bench/events": {
        const answer = Response.json(events);
        events = [];
        return answer;
      }
      case "/bench/status": {
        const answers = await env.HUB.getByName(NAME).status(undefined, AgentIds.parse(await request.json()));
        return Response.json(answers.length);
      }
      default:
        return manager.fetch(request, env, ctx);
    }
  },
};
