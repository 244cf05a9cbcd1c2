import { vi } from "vitest";

interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A call that the page made. */
export interface Received {
  method: string;
  path: string;
  body: unknown;
}

type AgentJson = ReturnType<typeof agentJson>;

/** An agent as the manager sends it, online unless told otherwise. */
export function agentJson(
  name: string,
  fields: Partial<{
    id: string;
    status: string;
    reason: string | null;
    since: number;
    lastSeen: number | null;
    version: string;
    os: string;
    arch: string;
    hostname: string;
    address: string | null;
    clone: unknown;
    flapping: unknown;
  }> = {},
) {
  const now = Date.now();
  return {
    id: `id-${name}`,
    name,
    status: "online",
    reason: null,
    since: now - 60_000,
    lastSeen: now - 5_000,
    connectedAt: now - 60_000,
    createdAt: now - 3_600_000,
    version: "1.0.0",
    os: "linux",
    arch: "amd64",
    hostname: name,
    address: "203.0.113.9",
    rttMs: 23,
    skewMs: 0,
    clone: null as unknown,
    flapping: false as unknown,
    ...fields,
  };
}

export const offline = (reason: string) => ({ status: "offline", reason });

interface EventJson {
  at: number;
  status: string;
  reason: string | null;
  generation: number;
  durationMs: number | null;
  address: string | null;
  closeCode: number | null;
}

/** A stretch of a timeline as the manager sends it: it began `agoMs` ago; `durationMs` is null while it lasts. */
export function eventJson(agoMs: number, durationMs: number | null, fields: Partial<EventJson> = {}): EventJson {
  const at = Date.now() - agoMs;
  return {
    at,
    status: "online",
    reason: null,
    generation: at,
    durationMs,
    address: "203.0.113.9",
    closeCode: null,
    ...fields,
  };
}

/** A fake manager behind `fetch`: the routes of docs/API.md that the page calls, with a list of agents. */
export class Manager {
  readonly password = "correct horse";
  readonly token = "eyJhbGciOi.token.signature";
  readonly received: Received[] = [];
  agents: AgentJson[] = [];
  /** The timeline of every agent, newest first. */
  events: EventJson[] = [];
  uptime: { day: number | null; week: number | null } = { day: null, week: null };
  loggedIn = true;
  reachable = true;
  /** How long the answer to a poll takes, in ms; its data is that old. */
  pollsTakeMs = 0;
  /** Answers that replace a route's own, by "METHOD /path". */
  readonly insteadOf = new Map<string, Answer>();

  constructor() {
    vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => this.#fetch(path, init));
  }

  polls(): number {
    return this.received.filter(({ method, path }) => method === "GET" && path === "/api/agents").length;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const method = init.method ?? "GET";
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    this.received.push({ method, path, body });
    if (!this.reachable) throw new TypeError("Failed to fetch");
    const answer = this.insteadOf.get(`${method} ${path}`) ?? this.#answer(method, path, body);
    const text = answer.body === undefined ? null : JSON.stringify(answer.body);
    if (method === "GET") await new Promise((resolve) => setTimeout(resolve, this.pollsTakeMs));
    return new Response(text, {
      status: answer.status,
      headers: { date: new Date().toUTCString(), ...answer.headers },
    });
  }

  #answer(method: string, path: string, body: unknown): Answer {
    const sent = new Map<string, unknown>(Object.entries(body ?? {}));
    if (method === "POST" && path === "/api/session") {
      this.loggedIn = sent.get("password") === this.password;
      return this.loggedIn ? { status: 204 } : refusal(401, "wrong_password", "the password is wrong");
    }
    if (!this.loggedIn) return refusal(401, "unauthorized", "log in first");
    if (method === "DELETE" && path === "/api/session") {
      this.loggedIn = false;
      return { status: 204 };
    }
    if (method === "GET" && path === "/api/agents") return { status: 200, body: this.agents };
    if (method === "POST" && path === "/api/admin/tokens") {
      const now = Date.now();
      const minted = { id: "e1", token: this.token, maxUses: 1, createdAt: now, expiresAt: now + 3_600_000 };
      return { status: 201, body: { ...minted, name: sent.get("name") ?? null } };
    }
    const revoked = this.agents.find(({ id }) => path === `/api/agents/${id}/revoke`);
    if (revoked && method === "POST") {
      Object.assign(revoked, offline("revoked"));
      return { status: 200, body: revoked };
    }
    if (method === "GET" && this.agents.some(({ id }) => path === `/api/agents/${id}/events`)) {
      return { status: 200, body: this.events };
    }
    const agent = this.agents.find(({ id }) => path === `/api/agents/${id}`);
    if (agent && method === "GET") return { status: 200, body: { ...agent, uptime: this.uptime } };
    if (agent && method === "PATCH") {
      agent.name = String(sent.get("name"));
      return { status: 200, body: agent };
    }
    if (agent && method === "DELETE") {
      this.agents = this.agents.filter((other) => other !== agent);
      return { status: 204 };
    }
    return refusal(404, "unknown_agent", "there is no such agent");
  }
}

export function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}): Answer {
  return { status, body: { error: { code, message } }, headers };
}
