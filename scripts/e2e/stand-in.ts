import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { BrowserContext, WebSocketRoute } from "playwright-core";
import { z } from "zod";
import { inRepository } from "../stack/repository.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** An agent as docs/API.md describes it. */
export interface AgentRecord {
  id: string;
  name: string;
  generation: number;
  revision: number;
  status: "online" | "offline";
  reason: string | null;
  since: number;
  lastSeen: number | null;
  connectedAt: number | null;
  createdAt: number;
  revokedAt: number | null;
  version: string;
  os: string;
  arch: string;
  hostname: string;
  address: string | null;
  rttMs: number | null;
  skewMs: number | null;
  flapping: boolean;
  flappingUntil: number | null;
  clone: unknown;
  labels: string[];
}

const pageSize = 1_000;

const TokenWish = z.object({
  name: z.string().nullable(),
  maxUses: z.number(),
  ttlSeconds: z.number(),
  labels: z.array(z.string()),
});

/** As long as a real one. No manager knows it. */
const inventedToken = `eyJhbGciOiJIUzI1NiJ9.${"eyJpbnZlbnRlZCI6dHJ1ZX0".repeat(6)}.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`;

/** Invented agents: one in a hundred is in trouble, one in twenty was stopped. */
export function inventAgents(count: number, now = Date.now()): AgentRecord[] {
  return Array.from({ length: count }, (_, n) => {
    const away = n % 100 === 17 ? "lost" : n % 20 === 3 ? "stopped" : null;
    return {
      ...{ id: `k${n.toString(36).padStart(10, "0")}x`, name: `edge-${["ams", "sin", "fra"][n % 3]}-${n}` },
      ...{ generation: now - 86_400_000, revision: 0, rttMs: 20, skewMs: 0, labels: [] },
      ...{ status: away === null ? "online" : "offline", reason: away, since: now - 3_600_000 - n * 1_000 },
      ...{ lastSeen: now - 5_000 - n * 10, connectedAt: now - 3_600_000, createdAt: now - 90_000_000, revokedAt: null },
      ...{ version: `1.${n % 4}.0`, os: "linux", arch: n % 5 === 0 ? "arm64" : "amd64" },
      ...{ hostname: `host-${n}.example.com`, address: `203.0.${(n >> 8) & 255}.${n & 255}` },
      ...{ flapping: false, flappingUntil: null, clone: null },
    };
  });
}

/** A stretch of a timeline as docs/API.md describes it. */
export interface EventRecord {
  generation: number;
  at: number;
  status: "online" | "offline";
  reason: string | null;
  /** Null while it lasts. */
  durationMs: number | null;
  address: string;
  closeCode: number | null;
}

/** A timeline with an outage and an absence, newest first. */
export function inventEvents(now = Date.now()): EventRecord[] {
  const hour = 3_600_000;
  const stretch = (hoursAgo: number, hours: number | null, reason: string | null, closeCode: number | null) => {
    const at = now - hoursAgo * hour;
    const status = reason === null ? ("online" as const) : ("offline" as const);
    const durationMs = hours === null ? null : hours * hour;
    return { generation: at, at, status, reason, durationMs, address: "203.0.113.9", closeCode };
  };
  return [
    stretch(2, null, null, null),
    stretch(3, 1, "lost", 1006),
    stretch(50, 47, null, null),
    stretch(60, 10, "stopped", 1000),
    stretch(90, 30, null, null),
  ];
}

/** An enrolment token as docs/API.md describes it. */
export interface TokenRecord {
  id: string;
  name: string | null;
  status: "active" | "used" | "expired" | "revoked";
  maxUses: number;
  uses: number;
  createdAt: number;
  expiresAt: number;
  revokedAt: number | null;
  labels: string[];
  agents: { id: string; name: string }[];
}

/** An entry of the audit trail as docs/API.md describes it. */
export interface AuditRecord {
  id: number;
  at: number;
  via: "session" | "password";
  address: string;
  action: string;
  target: string | null;
  detail: Record<string, unknown> | null;
}

/** What the stand-in answers: a status, and JSON. */
interface Answer {
  status?: number;
  json?: unknown;
  headers?: Record<string, string>;
}

/** A manager with invented data, which answers a browser without a network. It is faster than the browser. */
export class StandIn {
  readonly url = "https://zedops.example.com";
  agents: readonly AgentRecord[];
  /** The timeline of every agent, newest first. */
  events: readonly EventRecord[] = inventEvents();
  uptime = { day: 1, week: 0.999 };
  /** Newest first. */
  tokens: TokenRecord[] = [];
  /** The release of the agent that it serves to hosts; null if it serves none. */
  servedAgent: string | null = null;
  /** Newest first. */
  audit: readonly AuditRecord[] = [];
  /** The data with which every agent answers a request. */
  reply: unknown = {};
  readonly #sockets = new Set<WebSocketRoute>();

  constructor(agents: readonly AgentRecord[]) {
    this.agents = agents;
  }

  async serve(context: BrowserContext): Promise<void> {
    await context.route(`${this.url}/**`, async (route) => {
      const request = route.request();
      const url = new URL(request.url());
      if (url.pathname.startsWith("/api/")) {
        const sent = z.record(z.string(), z.unknown()).parse(request.postDataJSON() ?? {});
        await route.fulfill(this.#answer(request.method(), url, sent));
        return;
      }
      if (url.pathname === "/download/agents.json") {
        await route.fulfill({ json: { version: this.servedAgent, binaries: [] } });
        return;
      }
      const file = extname(url.pathname) === "" ? "/index.html" : url.pathname;
      const body = await readFile(join(inRepository("ui/dist"), file));
      await route.fulfill({ body, contentType: types[extname(file)] ?? "application/octet-stream" });
    });
    await context.routeWebSocket(/\/api\/live/, (socket) => {
      this.#sockets.add(socket);
      socket.onMessage((frame) => {
        if (frame === '{"subject":"agent.heartbeat"}') socket.send('{"subject":"agent.heartbeat.ack"}');
      });
      const now = Date.now();
      const data = {
        ...{ protocol: 1, connection: "c1", shard: 0, shards: 1, version: "1.0.0", serverTime: now },
        ...{ heartbeatIntervalMs: 30_000, heartbeatDelayMs: 17_250, leaseMs: 40_000 },
        ...{ maxFrameBytes: 65_536, creditFrames: 256, creditBytes: 1_048_576 },
      };
      socket.send(JSON.stringify({ subject: "live.welcome", data, timestamp: now }));
    });
  }

  #answer(method: string, { pathname, searchParams }: URL, sent: Readonly<Record<string, unknown>>): Answer {
    const [, , area = "", id = "", part] = pathname.split("/");
    switch (`${method} ${area}`) {
      case "GET agents":
        return id === "" ? this.#page(Number(searchParams.get("cursor") ?? 0)) : this.#aboutAgent(id, part);
      case "POST agents":
        return part === "request" ? { json: { data: this.reply } } : { status: 204 };
      case "POST publish":
        return { json: { delivered: this.agents.filter(({ status }) => status === "online").length, dropped: 0 } };
      case "GET audit":
        return { json: this.audit };
      case "GET admin":
        if (id !== "tokens") return { json: [] };
        return { json: part === undefined ? this.tokens : this.tokens.find((token) => token.id === part) };
      case "POST admin":
        return id === "tokens" ? this.#mint(sent) : { json: { drained: this.agents.length } };
      default:
        return { status: 204 };
    }
  }

  #page(from: number): Answer {
    const next = from + pageSize;
    const link = `</api/agents?limit=${pageSize}&cursor=${next}>; rel="next"`;
    return { json: this.agents.slice(from, next), headers: next < this.agents.length ? { link } : {} };
  }

  #aboutAgent(id: string, part: string | undefined): Answer {
    if (part === "events") return { json: this.events };
    if (part === "subscriptions") {
      const unacknowledged = { frames: 0, bytes: 0 };
      return { json: { patterns: ["fleet.>"], delivered: 7, dropped: 1, unacknowledged } };
    }
    return { json: { ...this.agents.find((agent) => agent.id === id), uptime: this.uptime } };
  }

  #mint({ name = null, maxUses = 1, ttlSeconds = 3_600, labels = [] }: Readonly<Record<string, unknown>>): Answer {
    const now = Date.now();
    const token = TokenWish.parse({ name, maxUses, ttlSeconds, labels });
    const record: TokenRecord = {
      ...{ id: `t${this.tokens.length}`, name: token.name, labels: token.labels, status: "active" },
      ...{ maxUses: token.maxUses, uses: 0, agents: [] },
      ...{ createdAt: now, expiresAt: now + token.ttlSeconds * 1_000, revokedAt: null },
    };
    this.tokens = [record, ...this.tokens];
    return { status: 201, json: { ...record, token: inventedToken } };
  }

  /** Tells the pages of the presence of these agents, in batches as the manager makes them. */
  tell(agents: readonly AgentRecord[]): void {
    const timestamp = Date.now();
    for (let from = 0; from < agents.length; from += 100) {
      const data = agents.slice(from, from + 100).map((agent) => {
        return { subject: `presence.${agent.id}`, data: agent, timestamp };
      });
      const frame = JSON.stringify({ subject: "live.batch", data, timestamp });
      for (const socket of this.#sockets) socket.send(frame);
    }
  }
}
