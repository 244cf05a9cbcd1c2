/** Calls the manager as operators and agents do: over HTTP and WebSocket, through the Worker's entry. */
import { env, exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { WireError } from "../src/protocol/errors.ts";

/** A message, as an agent parses it. */
export interface Message {
  subject: string;
  reply?: string;
  data?: unknown;
  timestamp?: number;
  error?: WireError;
}

export const ORIGIN = "https://manager.test";
export const BASIC = `Basic ${btoa(`admin:${env.ADMIN_PASSWORD}`)}`;

export const HOST = { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "edge-7" };

/** The only hub in these tests. */
export function hub() {
  return env.HUB.getByName("hub-0");
}

export function fetchManager(path: string, init?: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(`${ORIGIN}${path}`, init));
}

/** Sends a request as an operator. */
export async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetchManager(path, {
    method,
    headers: { Authorization: BASIC, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

export async function mintToken(options: object = {}): Promise<string> {
  const { status, body } = await api("POST", "/api/admin/tokens", options);
  expect(status).toBe(201);
  return (body as { token: string }).token;
}

export interface AgentView {
  id: string;
  name: string;
  status: string;
  reason: string | null;
  since: number;
  lastSeen: number | null;
  rttMs: number | null;
  flapping: boolean;
  uptime: { day: number | null; week: number | null };
}

export async function agentView(id: string): Promise<AgentView> {
  const { status, body } = await api("GET", `/api/agents/${id}`);
  expect(status).toBe(200);
  return body as AgentView;
}

/** Waits until the agent in the API satisfies `matches`, and returns it. */
export function shown(id: string, matches: (view: AgentView) => boolean): Promise<AgentView> {
  return vi.waitUntil(
    async () => {
      const view = await agentView(id);
      return matches(view) ? view : null;
    },
    { timeout: 30_000, interval: 10 },
  );
}

/** Waits until the agent's row in D1 satisfies `matches`, and returns it. Presence reaches D1 with a short delay. */
export function stored(
  id: string,
  matches: (row: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  return vi.waitUntil(
    async () => {
      const row = await env.DB.prepare("SELECT * FROM agents WHERE id = ?").bind(id).first();
      return row !== null && matches(row) ? row : null;
    },
    { timeout: 30_000, interval: 10 },
  );
}

export interface UpgradeOptions {
  token?: string;
  installId?: string;
  /** If set, the agent does not answer a close frame. Its socket stays open until the test closes it. */
  halfOpen?: boolean;
  headers?: Record<string, string>;
}

export function upgrade({ token, installId = crypto.randomUUID(), headers = {} }: UpgradeOptions): Promise<Response> {
  return fetchManager("/ws", {
    headers: {
      Upgrade: "websocket",
      "Zedops-Install-Id": installId,
      "Zedops-Boot-Id": crypto.randomUUID(),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
}

/** Tries to open a socket. Returns the status and code of the refusal. */
export async function refusal(options: UpgradeOptions): Promise<[number, string]> {
  const response = await upgrade(options);
  expect(response.webSocket).toBeNull();
  const { error } = await response.json<{ error: { code: string } }>();
  return [response.status, error.code];
}

/** A test agent at the client's end of a real WebSocket. */
export class TestAgent {
  readonly socket: WebSocket;
  readonly frames: Message[] = [];
  closed: { code: number; reason: string } | null = null;
  id = "";
  connection = "";
  /** The data of `agent.welcome`. */
  welcome: unknown;
  #requests = 0;

  private constructor(socket: WebSocket, allowHalfOpen: boolean) {
    this.socket = socket;
    socket.addEventListener("message", (event) => {
      this.frames.push(JSON.parse(String(event.data)));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.accept({ allowHalfOpen });
  }

  /** Opens a socket and reads the welcome. */
  static async open(options: UpgradeOptions): Promise<TestAgent> {
    return TestAgent.over(await upgrade(options), options.halfOpen);
  }

  /** Makes a test agent from the client's end of an accepted upgrade. */
  static async over(response: Response, halfOpen = false): Promise<TestAgent> {
    expect(response.status).toBe(101);
    if (response.webSocket === null) throw new Error("no socket");
    const agent = new TestAgent(response.webSocket, halfOpen);
    const welcome = await agent.next((frame) => frame.subject === "agent.welcome");
    agent.welcome = welcome.data;
    agent.connection = (welcome.data as { connection: string }).connection;
    return agent;
  }

  /** Opens a socket and registers. With an enrolment token, the agent's own token is returned too. */
  static async online(options: UpgradeOptions): Promise<{ agent: TestAgent; token: string | undefined }> {
    const agent = await TestAgent.open(options);
    const reply = await agent.request("agent.register", HOST);
    expect(reply.error).toBeUndefined();
    const data = reply.data as { agentId: string; token?: string };
    agent.id = data.agentId;
    return { agent, token: data.token };
  }

  /** Enrols a new agent and puts it online. */
  static async enrolled(): Promise<{ agent: TestAgent; token: string }> {
    const { agent, token } = await TestAgent.online({ token: await mintToken() });
    if (token === undefined) throw new Error("no token");
    return { agent, token };
  }

  sendText(text: string | ArrayBuffer): void {
    this.socket.send(text);
  }

  send(message: object): void {
    this.sendText(JSON.stringify(message));
  }

  /** Sends a request and waits for its reply. */
  async request(subject: string, data?: unknown): Promise<Message> {
    const reply = `inbox.${this.connection}.${++this.#requests}`;
    this.send({ subject, reply, data });
    return this.next((frame) => frame.subject === reply);
  }

  /** The first frame that satisfies `matches`: one already received, or one that is still to come. */
  async next(matches: (frame: Message) => boolean): Promise<Message> {
    return vi.waitUntil(() => this.frames.find(matches), { timeout: 30_000, interval: 5 });
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    return vi.waitUntil(() => this.closed, { timeout: 30_000, interval: 5 });
  }
}
