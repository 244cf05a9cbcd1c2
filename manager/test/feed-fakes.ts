/** A hub's feed over fake sockets, for tests that need no Worker. They use fake timers. */
import { expect, vi } from "vitest";
import type { Settings } from "../src/config.ts";
import type { Sockets } from "../src/hub/connection.ts";
import { Feed, type FeedParts } from "../src/hub/feed.ts";
import { HeartbeatWindow } from "../src/hub/heartbeat-window.ts";
import type { LiveStatus } from "../src/presence/presence.ts";
import { byteLength } from "../src/protocol/message.ts";
import type { Viewer } from "../src/registry/viewer-header.ts";
import { FakeSocket, LEASE_MS, NOW, SETTINGS } from "./roster-fakes.ts";

/** What follows a frame within this time is sent together. */
export const TOGETHER_MS = 250;
export const WINDOW = new HeartbeatWindow("hub-0", SETTINGS.heartbeatIntervalMs);

/** The hub's end of a viewer's socket. */
export class ViewerFake extends FakeSocket {
  reason: string | null = null;
  /** How often its state was stored. */
  saves = 0;

  override close(code?: number, reason?: string): void {
    super.close(code);
    this.reason = reason ?? null;
  }

  override serializeAttachment(attachment: unknown): void {
    this.saves++;
    super.serializeAttachment(attachment);
  }

  /** The frames that were sent since the last call, parsed. */
  take(): { subject: string; data?: unknown; error?: { code: string }; timestamp: number }[] {
    return this.takeTexts().map((text) => JSON.parse(text));
  }

  takeTexts(): string[] {
    return this.sent.splice(0);
  }

  /** The subjects of the frames that were sent since the last call; those of a batch in an array. */
  takeSubjects(): (string | string[])[] {
    return this.take().map(({ subject, data }) =>
      subject === "live.batch" && Array.isArray(data) ? data.map((message) => String(message.subject)) : subject,
    );
  }
}

/** The sockets of a hub: all that outlives its memory. */
export class FakeSockets implements Sockets {
  readonly tags = new Map<WebSocket, string[]>();
  /** When the runtime last answered a bare heartbeat. */
  readonly beats = new Map<WebSocket, number>();
  /** How often the sockets were listed. */
  listed = 0;

  acceptWebSocket(socket: WebSocket, tags: string[] = []): void {
    this.tags.set(socket, tags);
  }

  getTags(socket: WebSocket): string[] {
    return this.tags.get(socket) ?? [];
  }

  /** A socket that only the hub has closed is still listed. */
  getWebSockets(tag?: string): WebSocket[] {
    this.listed++;
    return [...this.tags.keys()].filter((socket) => tag === undefined || this.getTags(socket).includes(tag));
  }

  getWebSocketAutoResponseTimestamp(socket: WebSocket): Date | null {
    const at = this.beats.get(socket);
    return at === undefined ? null : new Date(at);
  }
}

/** The answer to an upgrade. Node's Response refuses the status 101. */
class UpgradeResponse {
  static readonly json = Response.json;
  readonly status: number;

  constructor(_body: null, { status }: { status: number }) {
    this.status = status;
  }
}

export interface FeedOver<S extends Sockets = FakeSockets> {
  readonly feed: Feed;
  readonly sockets: S;
  /** Opens a viewer's socket. */
  open(viewer?: Partial<Viewer>): ViewerFake;
}

/** A feed over these sockets. Made anew over the same sockets, it is the feed of a hub that woke from hibernation. */
export function feedOver(sockets?: FakeSockets, more?: Partial<FeedParts>): FeedOver;
export function feedOver<S extends Sockets>(sockets: S, more?: Partial<FeedParts>): FeedOver<S>;
export function feedOver(sockets: Sockets = new FakeSockets(), more: Partial<FeedParts> = {}): FeedOver<Sockets> {
  const feed = new Feed({
    settings: SETTINGS,
    version: "1.0.0",
    window: WINDOW,
    sockets,
    sessionEnd: async () => null,
    passwordHash: async () => "password-hash",
    ...more,
  });
  const open = (viewer: Partial<Viewer> = {}) => {
    const server = new ViewerFake();
    expect(openWith(feed, server, viewer).status).toBe(101);
    return server;
  };
  return { feed, sockets, open };
}

let opened = 0;

/** Opens a viewer's socket whose hub's end is `server`. */
export function openWith(feed: Feed, server: ViewerFake, viewer: Partial<Viewer> = {}): Response {
  vi.stubGlobal("WebSocketPair", function pair() {
    return { 0: new ViewerFake(), 1: server };
  });
  vi.stubGlobal("Response", UpgradeResponse);
  try {
    opened++;
    return feed.open({
      connectionId: `v${opened}`,
      shard: 0,
      session: null,
      passwordHash: "password-hash",
      ...viewer,
    });
  } finally {
    vi.unstubAllGlobals();
  }
}

/** Makes a feed's changes go out at once again: nothing has been sent for a while. */
export function settle(): void {
  vi.advanceTimersByTime(TOGETHER_MS);
}

export function smallFrames(maxFrameBytes: number): Settings {
  return { ...SETTINGS, maxFrameBytes };
}

export function live(agentId: string, more: Partial<LiveStatus> = {}): LiveStatus {
  return {
    agentId,
    generation: 1,
    status: "online",
    reason: null,
    since: NOW,
    lastSeen: NOW,
    connectedAt: NOW,
    address: "203.0.113.9",
    host: { version: "1", os: "linux", arch: "amd64", hostname: "edge-7" },
    rttMs: null,
    skewMs: null,
    droppedReplies: 3,
    droppedFrames: 4,
    ...more,
  };
}

/** What a client has received: it counts every frame. */
export function totals(texts: readonly string[]): { frames: number; bytes: number } {
  return { frames: texts.length, bytes: texts.reduce((sum, text) => sum + byteLength(text), 0) };
}

/** Sends a message of a client to the feed. */
export function say(feed: Feed, socket: ViewerFake, subject: string, data?: unknown, reply?: string): void {
  feed.receive(socket, JSON.stringify({ subject, data, reply }));
}

export { LEASE_MS, NOW, SETTINGS };
