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

let made = 0;

export type AgentJson = ReturnType<typeof agentJson>;

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
    generation: number;
    revision: number;
    revokedAt: number | null;
    flappingUntil: number;
    labels: readonly string[];
  }> = {},
) {
  const now = Date.now();
  made += 1;
  return {
    id: `id-${name}`,
    name,
    labels: [] as readonly string[],
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
    // What is made later is newer.
    generation: made,
    revision: made,
    revokedAt: null as number | null,
    flappingUntil: 0,
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

interface BulkJson {
  action: string;
  ids: string[];
  add?: string[];
  remove?: string[];
}

interface RefusalJson {
  code: string;
  at: number;
  address: string | null;
  hostname: string | null;
}

type TokenJson = ReturnType<typeof tokenJson>;

/** An enrolment token as the manager lists it, active for another hour unless told otherwise. */
export function tokenJson(
  name: string | null,
  fields: Partial<{
    status: string;
    maxUses: number;
    uses: number;
    expiresAt: number;
    revokedAt: number | null;
    labels: readonly string[];
    agents: { id: string; name: string }[];
    lastRefusal: RefusalJson | null;
  }> = {},
) {
  const now = Date.now();
  return {
    ...{ id: `token-${name?.replace(" ", "-")}`, name, status: "active", maxUses: 1, uses: 0 },
    ...{ createdAt: now - 60_000, expiresAt: now + 3_600_000, secondsLeft: 3_600 },
    ...{ revokedAt: null as number | null, agents: [] as { id: string; name: string }[] },
    ...{ labels: [] as readonly string[], lastRefusal: null as RefusalJson | null },
    ...fields,
  };
}

interface AuditJson {
  id: number;
  at: number;
  via: string;
  address: string | null;
  action: string;
  target: string | null;
  detail: Record<string, unknown> | null;
}

/** An entry of the audit trail; a larger id is newer. */
export function auditJson(id: number, action: string, fields: Partial<AuditJson> = {}): AuditJson {
  return {
    ...{ id, at: Date.now() - 60_000, via: "session", address: "203.0.113.7", action, target: null, detail: null },
    ...fields,
  };
}

/** A fake manager behind `fetch`: the routes of docs/API.md that the page calls, with a list of agents. */
export class Manager {
  readonly password = "correct horse";
  readonly token = "eyJhbGciOi.token.signature";
  readonly received: Received[] = [];
  agents: AgentJson[] = [];
  /** The enrolment tokens, newest first. */
  tokens: TokenJson[] = [];
  subscriptions = { patterns: ["fleet.>"], delivered: 7, dropped: 0, unacknowledged: { frames: 2, bytes: 180 } };
  /** What every agent answers to a request: the text of the whole answer. */
  reply = '{"data":{}}';
  /** The bodies of requests to agents, as they were sent. */
  readonly requests: string[] = [];
  /** The timeline of every agent, newest first. */
  events: EventJson[] = [];
  uptime: { day: number | null; week: number | null } = { day: null, week: null };
  loggedIn = true;
  reachable = true;
  /** How long the answer to a GET takes, in ms; its data is that old. */
  answersTakeMs = 0;
  /** The number of hubs. */
  shards = 1;
  /** The agents on a page of the list. */
  pageSize = 1_000;
  /** What becomes of a socket that the page opens. */
  sockets: "open" | "fail" | "hang" = "open";
  /** The manager's clock is ahead of the page's by that much. */
  aheadMs = 0;
  /** Every socket that the page has opened, by age. */
  readonly feed: FeedSocket[] = [];
  /** The calls that said that no person had asked for them. */
  readonly unattended: Received[] = [];
  /** How often the page has asked for the list as the database has it. */
  recordedReadings = 0;
  /** What `POST /api/agents/bulk` answers for some agents, to which it does nothing. */
  readonly bulkOutcomes = new Map<string, string>();
  /** The bodies of publications, as they came. */
  readonly published: string[] = [];
  /** The audit trail, newest first. */
  audit: AuditJson[] = [];
  parked: { at: number; error: string; transition: string }[] = [];
  /** Answers that replace a route's own, by "METHOD /path". */
  readonly insteadOf = new Map<string, Answer>();
  /** The HTML of the dashboard, and how often the page has asked for it. */
  html = "";
  htmlReadings = 0;
  /** The agents that the page has been told of. */
  #told: ReadonlySet<string> = new Set();

  constructor() {
    vi.stubGlobal("fetch", (url: string, init: RequestInit = {}) => this.#fetch(url, init));
    vi.stubGlobal("WebSocket", socketClass(this));
  }

  /** How often the page has asked for the list, or for one of its pages. */
  readings(): number {
    return this.received.filter(({ method, path }) => method === "GET" && path === "/api/agents").length;
  }

  get openSockets(): FeedSocket[] {
    return this.feed.filter((socket) => socket.isOpen);
  }

  /** Sends a message on the feed of the first hub. */
  tell(subject: string, data?: unknown): void {
    for (const socket of this.openSockets) if (socket.shard === 0) socket.tell(subject, data);
  }

  /** Tells on the feed what has become of the list. */
  tellAll(): void {
    for (const id of this.#told) {
      if (!this.agents.some((agent) => agent.id === id)) {
        this.tell(`registry.${id}`, { change: "removed", revision: 1, agent: null });
      }
    }
    for (const agent of this.agents) {
      const { revision } = agent;
      this.tell(`registry.${agent.id}`, { change: this.#told.has(agent.id) ? "renamed" : "enrolled", revision, agent });
      this.tell(`presence.${agent.id}`, agent);
    }
    this.#told = new Set(this.agents.map(({ id }) => id));
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const { pathname: path, searchParams: query } = new URL(url, location.href);
    if (path === "/") {
      this.htmlReadings += 1;
      return new Response(this.html);
    }
    const method = init.method ?? "GET";
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    this.received.push({ method, path, body });
    const headers = new Headers(init.headers);
    if (headers.get("zedops-unattended") === "true") this.unattended.push({ method, path, body });
    if (headers.get("zedops-recorded") === "true") this.recordedReadings += 1;
    if (!this.reachable) throw new TypeError("Failed to fetch");
    if (path === "/api/publish" && typeof init.body === "string") this.published.push(init.body);
    const answer = this.insteadOf.get(`${method} ${path}`) ?? this.#answer(method, path, body, query);
    const isText = method === "POST" && path.endsWith("/request") && answer.status === 200;
    if (isText && typeof init.body === "string") this.requests.push(init.body);
    const text = answer.body === undefined ? null : isText ? String(answer.body) : JSON.stringify(answer.body);
    if (method === "GET") await new Promise((resolve) => setTimeout(resolve, this.answersTakeMs));
    return new Response(text, { status: answer.status, headers: answer.headers ?? {} });
  }

  #answer(method: string, path: string, body: unknown, query: URLSearchParams): Answer {
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
    if (method === "GET" && path === "/api/agents") return this.#page(Number(query.get("cursor") ?? 0));
    if (method === "POST" && path === "/api/admin/tokens") return this.#mint(sent);
    if (method === "GET" && path === "/api/admin/tokens") return { status: 200, body: this.tokens };
    if (method === "GET" && this.agents.some(({ id }) => path === `/api/agents/${id}/subscriptions`)) {
      return { status: 200, body: this.subscriptions };
    }
    if (method === "POST" && path === "/api/agents/bulk") return { status: 200, body: { results: this.#bulk(body) } };
    if (method === "POST" && this.agents.some(({ id }) => path === `/api/agents/${id}/request`)) {
      return { status: 200, body: this.reply };
    }
    const token = this.tokens.find(({ id }) => path === `/api/admin/tokens/${id}`);
    if (token && method === "GET") return { status: 200, body: token };
    if (token && method === "DELETE") {
      Object.assign(token, { status: "revoked", revokedAt: Date.now() });
      return { status: 204 };
    }
    if (method === "GET" && path === "/api/audit") return this.#auditPage(query);
    if (method === "DELETE" && path === "/api/admin/parked") this.parked = [];
    if (method === "DELETE" && path === "/api/sessions") this.loggedIn = false;
    const fixed = new Map<string, Answer>([
      ["GET /api/admin/tokens", { status: 200, body: this.tokens }],
      ["POST /api/publish", { status: 200, body: { delivered: this.agents.length, dropped: 0 } }],
      ["POST /api/admin/drain", { status: 200, body: { drained: this.agents.length } }],
      ["GET /api/admin/parked", { status: 200, body: this.parked }],
      ["DELETE /api/admin/parked", { status: 204 }],
      ["DELETE /api/sessions", { status: 204 }],
    ]).get(`${method} ${path}`);
    if (fixed) return fixed;
    const revoked = this.agents.find(({ id }) => path === `/api/agents/${id}/revoke`);
    if (revoked && method === "POST") {
      Object.assign(revoked, offline("revoked"), { revokedAt: Date.now(), revision: revoked.revision + 1 });
      return { status: 200, body: revoked };
    }
    if (method === "GET" && this.agents.some(({ id }) => path === `/api/agents/${id}/events`)) {
      return { status: 200, body: this.events };
    }
    const agent = this.agents.find(({ id }) => path === `/api/agents/${id}`);
    if (agent && method === "GET") return { status: 200, body: { ...agent, uptime: this.uptime } };
    if (agent && method === "PATCH") {
      Object.assign(agent, body, { revision: agent.revision + 1 });
      return { status: 200, body: agent };
    }
    if (agent && method === "DELETE") {
      this.agents = this.agents.filter((other) => other !== agent);
      return { status: 204 };
    }
    return refusal(404, "unknown_agent", "there is no such agent");
  }

  /** What `POST /api/agents/bulk` does. It tells the feed of nothing; see {@link tellAll}. */
  #bulk(body: unknown) {
    const { action, ids, add = [], remove = [] } = body as BulkJson;
    return ids.map((id) => {
      const agent = this.agents.find((each) => each.id === id);
      const outcome = agent === undefined ? "unknown_agent" : (this.bulkOutcomes.get(id) ?? "done");
      if (agent !== undefined && outcome === "done") {
        const gone = new Set([...remove, ...add.map((label) => label.split("=")[0])]);
        const labels = [...agent.labels.filter((label) => !gone.has(label.split("=")[0])), ...add].toSorted();
        const revision = agent.revision + 1;
        if (action === "remove") this.agents = this.agents.filter((each) => each !== agent);
        else if (action === "label") Object.assign(agent, { labels, revision });
        else Object.assign(agent, offline("revoked"), { revokedAt: Date.now(), revision });
      }
      return { id, outcome };
    });
  }

  /** An agent enrols with the newest token. */
  enrol(agent: AgentJson): void {
    this.agents = [...this.agents, agent];
    const [token] = this.tokens;
    if (token === undefined) throw new Error("no token was minted");
    token.uses += 1;
    token.agents = [{ id: agent.id, name: agent.name }, ...token.agents];
    if (token.uses === token.maxUses) token.status = "used";
  }

  /** The newest token refuses a host. */
  refuse(refusal: Partial<RefusalJson>): void {
    const [token] = this.tokens;
    if (token === undefined) throw new Error("no token was minted");
    token.lastRefusal = { code: "enrolment_used", at: Date.now(), address: "203.0.113.40", hostname: null, ...refusal };
  }

  #mint(sent: ReadonlyMap<string, unknown>): Answer {
    const now = Date.now();
    const name = sent.get("name");
    const minted = {
      maxUses: Number(sent.get("maxUses")),
      expiresAt: now + this.aheadMs + Number(sent.get("ttlSeconds")) * 1_000,
    };
    const token = {
      ...tokenJson(typeof name === "string" ? name : null, minted),
      ...{ id: `e${this.tokens.length}`, createdAt: now },
    };
    this.tokens = [token, ...this.tokens];
    return { status: 201, body: { ...token, token: this.token } };
  }

  #auditPage(query: URLSearchParams): Answer {
    const [action, target, cursor] = [query.get("action"), query.get("target"), query.get("cursor")];
    const found = this.audit.filter(
      (entry) =>
        (action === null || entry.action === action) &&
        (target === null || entry.target === target) &&
        (cursor === null || entry.id < Number(cursor)),
    );
    const body = found.slice(0, Number(query.get("limit")));
    query.set("cursor", String(body.at(-1)?.id));
    const more = found.length > body.length;
    return { status: 200, body, headers: more ? { link: `</api/audit?${query}>; rel="next"` } : {} };
  }

  #page(from: number): Answer {
    const to = from + this.pageSize;
    this.#told = new Set([...this.#told, ...this.agents.map(({ id }) => id)]);
    const more = to < this.agents.length;
    return {
      status: 200,
      body: this.agents.slice(from, to),
      headers: more ? { link: `</api/agents?limit=${this.pageSize}&cursor=${to}>; rel="next"` } : {},
    };
  }
}

/** A socket of the live feed as the page has it, with a manager at its other end. */
export class FeedSocket extends EventTarget {
  readonly shard: number;
  /** The frames that the page has sent, heartbeats apart. */
  readonly sent: unknown[] = [];
  /** When the page sent heartbeats. */
  readonly beats: number[] = [];
  /** Whether nothing goes through any more, and neither end knows. */
  halfOpen = false;
  readyState = 0;
  readonly #manager: Manager;

  constructor(manager: Manager, url: string | URL) {
    super();
    this.#manager = manager;
    this.shard = Number(new URL(url).searchParams.get("shard"));
    manager.feed.push(this);
    if (manager.sockets === "hang") return;
    setTimeout(() => (this.#isWelcome() ? this.#welcome() : this.closedWith(1006)));
  }

  get isOpen(): boolean {
    return this.readyState === 1;
  }

  tell(subject: string, data?: unknown): void {
    this.frame(JSON.stringify({ subject, data, timestamp: Date.now() + this.#manager.aheadMs }));
  }

  /** The manager sends this. */
  frame(data: string): void {
    if (this.isOpen && !this.halfOpen) this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** The socket is closed from outside the page. */
  closedWith(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }

  send(frame: string): void {
    if (frame !== '{"subject":"agent.heartbeat"}') {
      this.sent.push(JSON.parse(frame));
      return;
    }
    this.beats.push(Date.now());
    setTimeout(() => this.frame('{"subject":"agent.heartbeat.ack"}'));
  }

  close(): void {
    this.readyState = 3;
  }

  #isWelcome(): boolean {
    const { reachable, loggedIn, sockets, shards } = this.#manager;
    return reachable && loggedIn && sockets === "open" && this.shard < shards;
  }

  #welcome(): void {
    this.readyState = 1;
    const { shards, aheadMs } = this.#manager;
    this.tell("live.welcome", {
      ...{ protocol: 1, connection: `c${this.#manager.feed.length}`, shard: this.shard, shards, version: "1.0.0" },
      ...{ serverTime: Date.now() + aheadMs, heartbeatIntervalMs: 30_000, heartbeatDelayMs: 17_250, leaseMs: 40_000 },
      ...{ maxFrameBytes: 65_536, creditFrames: 256, creditBytes: 1_048_576 },
    });
  }
}

function socketClass(manager: Manager) {
  return class extends FeedSocket {
    static readonly OPEN = 1;

    constructor(url: string | URL) {
      super(manager, url);
    }
  };
}

export function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}): Answer {
  return { status, body: { error: { code, message } }, headers };
}
