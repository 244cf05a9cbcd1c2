/** Clients that beat when their welcome asks them to: pages that watch the feed, and agents. */
import { expect, onTestFinished, vi } from "vitest";
import { Feed } from "../src/hub/feed.ts";
import { fetchManager } from "./manager.ts";

const BEAT = '{"subject":"agent.heartbeat"}';
const ACK = '{"subject":"agent.heartbeat.ack"}';

interface Welcome {
  readonly heartbeatDelayMs: number;
  readonly heartbeatIntervalMs: number;
}

/** The client's end of a socket. */
export class Beating {
  readonly socket: WebSocket;
  /** The frames that came, but the answers to beats. */
  readonly texts: string[] = [];
  closed: { code: number; reason: string } | null = null;
  /** When it beats next; Unix milliseconds. */
  beatsAt: number;
  readonly #intervalMs: number;
  #answers = 0;

  constructor(socket: WebSocket, { heartbeatDelayMs, heartbeatIntervalMs }: Welcome) {
    this.socket = socket;
    this.beatsAt = Date.now() + heartbeatDelayMs;
    this.#intervalMs = heartbeatIntervalMs;
    socket.addEventListener("message", ({ data }) => {
      if (data === ACK) this.#answers++;
      else this.texts.push(String(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    onTestFinished(() => socket.close(1000, "done"));
  }

  async beat(): Promise<void> {
    this.beatsAt += this.#intervalMs;
    if (this.closed !== null) return;
    const before = this.#answers;
    this.socket.send(BEAT);
    await vi.waitUntil(() => this.#answers > before || this.closed !== null, { timeout: 30_000, interval: 1 });
  }
}

/** Opens a page that watches the feed, and waits until its hub has asked whether the session still lasts. */
export async function openPage(headers: Record<string, string>): Promise<Beating> {
  const confirm = vi.spyOn(Feed.prototype, "confirm");
  const response = await fetchManager("/api/live?shard=0", { headers: { ...headers, Upgrade: "websocket" } });
  expect(response.status).toBe(101);
  const { webSocket: socket } = response;
  if (socket === null) throw new Error("no socket");
  const welcomed = new Promise<string>((resolve) => {
    socket.addEventListener("message", ({ data }) => resolve(String(data)), { once: true });
  });
  socket.accept();
  const page = new Beating(socket, JSON.parse(await welcomed).data);
  await Promise.all(confirm.mock.results.map(({ value }) => value));
  confirm.mockRestore();
  return page;
}
