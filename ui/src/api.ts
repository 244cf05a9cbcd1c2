import { type Agent, parseAgent } from "./agents/agent.ts";
import { array, type JsonObject, object, orNull, ShapeError, text, tryParse } from "./json.ts";

/** A call that failed. `code` is the manager's own, or `unreachable` (no answer; status 0) or `invalid_response`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly status: number;
  /** From `Retry-After`; null if it is absent. */
  readonly retryAfterSeconds: number | null;

  constructor(code: string, message: string, status: number, retryAfterSeconds: number | null = null) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A page of the list of agents. */
export interface AgentPage {
  readonly agents: Agent[];
  /** How many more there are that cannot be read. */
  readonly unreadable: number;
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

/** Timeout of a call, in ms. A healthy manager answers much sooner. */
export const answerWithinMs = 8_000;

/** Timeout of a call that gives an agent a token, in ms. The manager itself waits up to 10 s for the agent. */
const tokenStoredWithinMs = 15_000;

interface Call {
  readonly method?: "POST" | "PATCH" | "DELETE";
  /** A string is JSON already, and is sent as it is. */
  readonly body?: JsonObject | string;
  readonly signal?: AbortSignal;
  readonly withinMs?: number;
  /** No person asked for it, so it does not keep the session alive. */
  readonly unattended?: boolean;
  /** Whether the manager answers with what the database has, and asks no hub. */
  readonly recorded?: boolean;
}

/**
 * Calls a route of docs/API.md. Calls that only one screen makes are in its own folder, and are loaded with it.
 * @throws ApiError
 */
export async function call(path: string, options: Call = {}): Promise<Response> {
  const { method, body, signal, withinMs = answerWithinMs, unattended = false, recorded = false } = options;
  const timeout = AbortSignal.timeout(withinMs);
  const init: RequestInit = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout, cache: "no-store" };
  if (method !== undefined) init.method = method;
  init.headers = {
    ...(unattended && { "zedops-unattended": "true" }),
    ...(recorded && { "zedops-recorded": "true" }),
    ...(body !== undefined && { "content-type": "application/json" }),
  };
  if (body !== undefined) {
    init.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unreachable();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export function unreachable(): ApiError {
  return new ApiError("unreachable", "The manager cannot be reached.", 0);
}

async function refusal(response: Response): Promise<ApiError> {
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  try {
    const { error } = object(await response.json(), "body");
    const said = object(error, "error");
    return new ApiError(text(said, "code"), text(said, "message"), response.status, retryAfter);
  } catch {
    // Not the manager's message: a proxy or a captive portal answered.
    return new ApiError("invalid_response", `The answer was HTTP ${response.status}.`, response.status, retryAfter);
  }
}

/** @throws ApiError `invalid_response` if `parse` throws */
export async function read<T>(response: Response, parse: (body: unknown) => T): Promise<T> {
  try {
    return parse(await response.json());
  } catch (error) {
    if (error instanceof ShapeError) {
      throw new ApiError("invalid_response", `The answer is invalid: ${error.message}.`, response.status);
    }
    if (error instanceof SyntaxError)
      throw new ApiError("invalid_response", "The answer is not JSON.", response.status);
    throw unreachable();
  }
}

/** Where the page after this one begins; null after the last. */
export function nextCursor(response: Response): string | null {
  const [, target] = /<([^>]*)>; *rel="next"/.exec(response.headers.get("link") ?? "") ?? [];
  return target === undefined ? null : new URL(target, location.href).searchParams.get("cursor");
}

export const agentRoute = (id: string) => `/api/agents/${encodeURIComponent(id)}`;

/** Opens a session. Fails with `wrong_password`, with `not_configured`, or with status 429 and `retryAfterSeconds`. */
export async function logIn(password: string): Promise<void> {
  await call("/api/session", { method: "POST", body: { password } });
}

export async function logOut(): Promise<void> {
  await call("/api/session", { method: "DELETE" });
}

/** The agents of a page of the list that begins at the cursor; the first page if it is null. */
export async function listAgents(
  cursor: string | null,
  options: Required<Pick<Call, "signal" | "unattended" | "recorded">>,
): Promise<AgentPage> {
  const query = new URLSearchParams({ limit: "1000", ...(cursor !== null && { cursor }) });
  const response = await call(`/api/agents?${query}`, options);
  return { ...(await read(response, parseAgents)), next: nextCursor(response) };
}

/** One agent that cannot be read does not cost the others. If none can, the answer is invalid. */
function parseAgents(body: unknown) {
  const parsed = array(body, "agents", (item) => tryParse(() => parseAgent(item)));
  const agents = parsed.filter((agent) => agent !== undefined);
  if (agents.length === 0) array(body, "agents", parseAgent);
  return { agents, unreadable: parsed.length - agents.length };
}

/** A socket to the live feed of one hub. */
export function openFeed(shard: number): WebSocket {
  const url = new URL(`/api/live?shard=${shard}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url);
}

/** Fails with `unknown_agent`, or with status 400 if the manager refuses the name. */
export async function renameAgent(id: string, name: string): Promise<Agent> {
  return read(await call(agentRoute(id), { method: "PATCH", body: { name } }), parseAgent);
}

/** Removes the agent: closes its connection and invalidates its token. Fails with `unknown_agent`. */
export async function removeAgent(id: string): Promise<void> {
  await call(agentRoute(id), { method: "DELETE" });
}

/** Revokes the agent: closes its connection and invalidates its token. Its record stays. Fails with `unknown_agent`. */
export async function revokeAgent(id: string): Promise<Agent> {
  return read(await call(`${agentRoute(id)}/revoke`, { method: "POST" }), parseAgent);
}

/**
 * Gives the agent a new token, with which it reconnects. Fails with `unknown_agent`, with `no_responders` if the agent
 * is not connected, or with `timeout`: then it may or may not have the new token.
 */
export async function rotateToken(id: string): Promise<void> {
  await call(`${agentRoute(id)}/rotate`, { method: "POST", withinMs: tokenStoredWithinMs });
}

/**
 * Gives the second host of a clone an identity of its own, at once or as soon as that host is back.
 * @returns the id of the new agent; null if its host is not back yet
 * @throws ApiError `no_clone`, `unknown_agent`, or `timeout`
 */
export async function separateClone(id: string): Promise<string | null> {
  const response = await call(`${agentRoute(id)}/separate`, { method: "POST", withinMs: tokenStoredWithinMs });
  return read(response, (body) => orNull(object(body, "separation"), "agentId", text));
}
