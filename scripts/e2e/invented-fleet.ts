import type { AgentRecord, AuditRecord, EventRecord, TokenRecord } from "./stand-in.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

interface Host {
  name: string;
  labels: string[];
  address: string;
  arch?: string;
  version?: string;
  hostname?: string;
  /** How long ago it came or went. */
  for: number;
  /** Why it is away, or late. */
  reason?: "lost" | "lease_expired" | "stopped" | "revoked" | "late";
  rttMs?: number;
  flapping?: boolean;
  cloneAt?: string;
}

const edge = (site: string, n: number, network: string, age: number, more: Partial<Host> = {}): Host => ({
  name: `edge-${site}-${n}`,
  labels: ["env=prod", "role=edge", `site=${site}`],
  address: `${network}.${20 + n}`,
  for: age,
  ...more,
});

/** Two dozen hosts of a company with branches, of which a few are in trouble. */
const hosts: readonly Host[] = [
  edge("ams", 1, "203.0.113", 6 * day),
  edge("ams", 2, "203.0.113", 2 * hour),
  edge("ams", 3, "203.0.113", 6 * day),
  edge("ams", 4, "203.0.113", 3 * day),
  edge("fra", 1, "192.0.2", 6 * day),
  edge("fra", 2, "192.0.2", 26 * hour),
  edge("sin", 1, "198.51.100", 6 * day, { arch: "arm64", rttMs: 168 }),
  edge("sin", 2, "198.51.100", 12 * minute, { arch: "arm64", rttMs: 171, reason: "lost" }),
  edge("sin", 3, "198.51.100", 50 * hour, { arch: "arm64", rttMs: 174 }),
  ...["db-1", "db-2", "cache-1"].map((name, n) => ({
    ...{ name, labels: ["env=prod", "role=data", "site=ams"], address: `203.0.113.${60 + n}`, for: (5 + n) * day },
  })),
  ...["build-1", "build-2"].map((name, n) => ({
    ...{ name, labels: ["env=ci", "role=build"], address: `2001:db8:4f1a::${10 + n}`, for: (30 + n) * hour },
  })),
  { name: "build-3", labels: ["env=ci", "role=build"], address: "2001:db8:4f1a::12", for: 9 * hour, reason: "stopped" },
  ...["shop-berlin", "shop-lyon", "shop-turin"].map((name, n) => ({
    ...{ name, labels: ["env=prod", "role=shop"], address: `192.0.2.${140 + n}`, arch: "arm64", for: (2 + n) * day },
    ...{ rttMs: 31 + 4 * n },
  })),
  {
    ...{ name: "shop-porto", labels: ["env=prod", "role=shop"], address: "192.0.2.143", arch: "arm64" },
    ...{ for: 40 * minute, reason: "lease_expired" },
  },
  {
    ...{ name: "shop-vienna", labels: ["env=prod", "role=shop"], address: "192.0.2.144", arch: "arm64" },
    ...{ for: 3 * minute, flapping: true, rttMs: 58 },
  },
  {
    ...{ name: "kiosk-lobby", labels: ["env=test"], address: "192.0.2.171", arch: "arm64", for: 5 * hour },
    ...{ hostname: "raspberrypi", cloneAt: "192.0.2.172" },
  },
  { name: "nas-office", labels: ["role=backup"], address: "192.0.2.180", for: 4 * day, hostname: "diskstation" },
  { name: "laptop-old", labels: [], address: "198.51.100.201", for: 20 * hour, reason: "revoked", version: "1.2.0" },
];

/** An id of 20 characters of base 32, which looks random and is the same each time. */
function inventId(n: number): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  return Array.from({ length: 20 }, (_, at) => alphabet[(n * 7_919 + at * at * 613 + at * n * 131 + 17) % 32]).join("");
}

export function inventFleet(now: number): AgentRecord[] {
  return hosts.map((host, n) => {
    const isOffline = host.reason !== undefined && host.reason !== "late";
    const since = now - host.for;
    const clone = host.cloneAt && {
      at: now - 4 * minute,
      first: { address: host.address, hostname: "raspberrypi" },
      second: { address: host.cloneAt, hostname: "raspberrypi" },
    };
    return {
      ...{ id: inventId(n), name: host.name, labels: host.labels, generation: since, revision: 1 },
      ...{ status: isOffline ? "offline" : "online", reason: host.reason ?? null, since },
      ...{ lastSeen: isOffline ? since : now - 4 * second - n * 500, connectedAt: since },
      ...{ createdAt: now - 40 * day, revokedAt: host.reason === "revoked" ? since : null },
      ...{ version: host.version ?? "1.4.0", os: "linux", arch: host.arch ?? "amd64" },
      ...{ hostname: host.hostname ?? host.name, address: host.address },
      ...{ rttMs: isOffline ? null : (host.rttMs ?? 9 + (n % 7)), skewMs: isOffline ? null : (n % 5) - 2 },
      ...{ flapping: host.flapping ?? false, flappingUntil: host.flapping ? now + 9 * minute : null },
      clone: clone ?? null,
    };
  });
}

/** A week of edge-ams-2: a cut of the network, an upgrade, a restart of the manager. */
export function inventHistory(now: number): EventRecord[] {
  const changes: readonly [number, string | null, number | null][] = [
    [2 * hour, null, null],
    [2 * hour + 7 * minute, "lost", 1006],
    [31 * hour, null, null],
    [31 * hour + 40 * second, "manager_restart", 1012],
    [52 * hour, null, null],
    [53 * hour + 20 * minute, "stopped", 1000],
    [97 * hour, null, null],
    [97 * hour + 2 * minute, "lost", 1006],
    [7 * day + 3 * hour, null, null],
  ];
  return changes.map(([ago, reason, closeCode], n) => {
    const at = now - ago;
    const until = changes[n - 1];
    return {
      ...{ generation: at, at, status: reason === null ? "online" : "offline", reason, closeCode },
      ...{ durationMs: until === undefined ? null : ago - until[0], address: "203.0.113.22" },
    };
  });
}

export function inventTokens(now: number): TokenRecord[] {
  const token = (n: number, name: string | null, more: Partial<TokenRecord>): TokenRecord => ({
    ...{ id: inventId(100 + n), name, status: "active", maxUses: 1, uses: 0, createdAt: now - n * 5 * hour },
    ...{ expiresAt: now + hour, revokedAt: null, labels: [], agents: [], ...more },
  });
  const used = (...names: string[]) =>
    names.map((name) => ({ id: inventId(hosts.findIndex((host) => host.name === name)), name }));
  return [
    token(0, "shop-madrid", { createdAt: now - 12 * minute, expiresAt: now + 48 * minute, labels: ["role=shop"] }),
    token(1, null, {
      ...{ maxUses: 10, uses: 3, expiresAt: now + 19 * hour, labels: ["env=prod", "role=edge", "site=sin"] },
      agents: used("edge-sin-3", "edge-sin-2", "edge-sin-1"),
    }),
    token(6, "build-2", { status: "used", uses: 1, expiresAt: now - 29 * hour, agents: used("build-2") }),
    token(7, "build-1", { status: "used", uses: 1, expiresAt: now - 30 * hour, agents: used("build-1") }),
    token(11, "shop-oslo", { status: "expired", expiresAt: now - 54 * hour }),
    token(14, "kiosk-hall", { status: "revoked", expiresAt: now - 65 * hour, revokedAt: now - 69 * hour }),
  ];
}

export function inventAudit(now: number): AuditRecord[] {
  const host = (name: string) => inventId(hosts.findIndex((known) => known.name === name));
  const done: readonly [number, string, string | null, Record<string, unknown> | null][] = [
    [12 * minute, "token.mint", inventId(100), { name: "shop-madrid", maxUses: 1, expiresAt: now + 48 * minute }],
    [14 * minute, "session.begin", null, null],
    [5 * hour, "token.mint", inventId(101), { maxUses: 10, expiresAt: now + 19 * hour }],
    [6 * hour, "agent.label", host("nas-office"), { add: "role=backup", remove: "" }],
    [8 * hour, "agent.rename", host("shop-vienna"), { name: "shop-vienna" }],
    [9 * hour, "agent.rotate", host("db-1"), null],
    [20 * hour, "agent.revoke", host("laptop-old"), null],
    [21 * hour, "session.begin", null, null],
    [31 * hour, "hub.drain", "hub-0", { delayMs: 0 }],
    [69 * hour, "token.revoke", inventId(114), null],
  ];
  return done.map(([ago, action, target, detail], n) => ({
    ...{ id: 400 - n, at: now - ago, via: "session", address: "203.0.113.7", action, target, detail },
  }));
}
