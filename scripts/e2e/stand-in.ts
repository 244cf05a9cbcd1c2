import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { BrowserContext, WebSocketRoute } from "playwright-core";
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

/** A timeline with an outage and an absence, newest first. */
function inventEvents(now = Date.now()) {
  const hour = 3_600_000;
  const stretch = (hoursAgo: number, hours: number | null, reason: string | null, closeCode: number | null) => ({
    ...{ generation: now - hoursAgo * hour, at: now - hoursAgo * hour, address: "203.0.113.9", closeCode, reason },
    ...{ status: reason === null ? "online" : "offline", durationMs: hours === null ? null : hours * hour },
  });
  return [
    stretch(2, null, null, null),
    stretch(3, 1, "lost", 1006),
    stretch(50, 47, null, null),
    stretch(60, 10, "stopped", 1000),
    stretch(90, 30, null, null),
  ];
}

/** A manager with invented agents, which answers a browser without a network. It is faster than the browser. */
export class StandIn {
  readonly url = "http://zedops.test";
  agents: readonly AgentRecord[];
  readonly #sockets = new Set<WebSocketRoute>();

  constructor(agents: readonly AgentRecord[]) {
    this.agents = agents;
  }

  async serve(context: BrowserContext): Promise<void> {
    await context.route(`${this.url}/**`, async (route) => {
      const { pathname, searchParams } = new URL(route.request().url());
      if (pathname === "/download/agents.json") await route.fulfill({ json: { version: null, binaries: [] } });
      else if (!pathname.startsWith("/api/")) {
        const file = extname(pathname) === "" ? "/index.html" : pathname;
        const body = await readFile(join(inRepository("ui/dist"), file));
        await route.fulfill({ body, contentType: types[extname(file)] ?? "application/octet-stream" });
      } else if (route.request().method() !== "GET") await route.fulfill({ status: 204 });
      else if (pathname === "/api/agents") {
        const from = Number(searchParams.get("cursor") ?? 0);
        const next = from + pageSize;
        const link = `</api/agents?limit=${pageSize}&cursor=${next}>; rel="next"`;
        await route.fulfill({
          json: this.agents.slice(from, next),
          headers: next < this.agents.length ? { link } : {},
        });
      } else if (pathname.endsWith("/events")) await route.fulfill({ json: inventEvents() });
      else if (pathname.endsWith("/subscriptions")) {
        const unacknowledged = { frames: 0, bytes: 0 };
        await route.fulfill({ json: { patterns: ["fleet.>"], delivered: 7, dropped: 1, unacknowledged } });
      } else {
        const agent = this.agents.find(({ id }) => pathname === `/api/agents/${id}`);
        await route.fulfill({ json: { ...agent, uptime: { day: 1, week: 0.999 } } });
      }
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
