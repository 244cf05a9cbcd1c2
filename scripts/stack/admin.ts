import { z } from "zod";
import { localPassword } from "./dev-vars.ts";
import { isThisMachine } from "./this-machine.ts";
import { UserError } from "./user-error.ts";

const Failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const Enrolment = z.object({ token: z.string().min(1) });
export const Agent = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(["online", "offline"]),
  reason: z.string().nullable(),
  connectedAt: z.number().nullable(),
});

export type Agent = z.infer<typeof Agent>;

export interface EnrolmentRequest {
  name?: string | undefined;
  labels?: readonly string[] | undefined;
  ttlSeconds?: number | undefined;
  maxUses?: number | undefined;
}

/** The manager answered and refused; `code` is its stable code. */
class ApiError extends UserError {
  readonly code: string;

  constructor(manager: URL, { code, message }: z.infer<typeof Failure>["error"]) {
    super(`${manager.origin}: ${message} (${code})`);
    this.code = code;
  }
}

export class WrongPassword extends UserError {
  constructor(manager: URL) {
    super(`${manager.origin} does not accept this admin password`);
  }
}

/** Long enough for a distant manager that has to start first. */
const TIMEOUT_MS = 15_000;

/** The manager's HTTP API as an administrator uses it; docs/API.md. Every failure is a UserError. */
export class Admin {
  /** The headers that authenticate the administrator. */
  readonly headers: { readonly authorization: string };
  readonly #manager: URL;

  constructor(manager: URL, password: string) {
    this.#manager = manager;
    this.headers = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}` };
  }

  /** Takes the password from the environment; for a manager on this machine, the local password is the default. */
  static async fromEnvironment(managerUrl: string): Promise<Admin> {
    const manager = parseManagerUrl(managerUrl);
    const given = process.env.ADMIN_PASSWORD || undefined;
    // The local password must not go to any other manager.
    const password = given ?? (isThisMachine(manager) ? await localPassword() : undefined);
    if (password === undefined) {
      throw new UserError(`set ADMIN_PASSWORD to the admin password of ${manager.origin}`);
    }
    return new Admin(manager, password);
  }

  /** Mints an enrolment token and returns it. */
  async mintToken(request: EnrolmentRequest): Promise<string> {
    const body = JSON.stringify(request);
    return Enrolment.parse(await this.call("POST", "/api/admin/tokens", body)).token;
  }

  async agents(): Promise<Agent[]> {
    return z.array(Agent).parse(await this.call("GET", "/api/agents"));
  }

  /** One agent; undefined if the manager has none with that id. */
  async agent(id: string): Promise<Agent | undefined> {
    try {
      return Agent.parse(await this.call("GET", `/api/agents/${encodeURIComponent(id)}`));
    } catch (error) {
      if (error instanceof ApiError && error.code === "unknown_agent") return undefined;
      throw error;
    }
  }

  /** @throws WrongPassword if the manager answers, and does not accept the password */
  async checkPassword(): Promise<void> {
    try {
      await this.call("GET", "/api/agents?limit=1");
    } catch (error) {
      if (error instanceof WrongPassword) throw error;
    }
  }

  /** Opens a socket to the live feed of one hub. */
  openFeed(shard: number): WebSocket {
    const url = new URL(`/api/live?shard=${shard}`, this.#manager);
    url.protocol = url.protocol.replace("http", "ws");
    return new WebSocket(url, { headers: this.headers });
  }

  /** Calls a route and returns the JSON of its answer. */
  async call(method: string, path: string, body: string | null = null): Promise<unknown> {
    const unreachable = (error: unknown): never => {
      throw new UserError(`cannot reach a manager at ${this.#manager.origin} (${reason(error)})`);
    };
    const answer = await fetch(new URL(path, this.#manager), {
      method,
      headers: { ...this.headers, ...(body !== null && { "content-type": "application/json" }) },
      body,
      // A redirect could take the password to another host.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(unreachable);
    // If the manager dies meanwhile, the answer is incomplete.
    const text = await answer.text().catch(unreachable);
    if (answer.ok) return parseJson(text);
    if (answer.status === 401) throw new WrongPassword(this.#manager);
    const failure = Failure.safeParse(parseJson(text));
    if (failure.success) throw new ApiError(this.#manager, failure.data.error);
    throw new UserError(`${this.#manager.origin} is not a ZedOps manager: it answers ${path} with ${answer.status}`);
  }
}

function parseManagerUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UserError(`"${text}" is not the URL of a manager, such as https://zedops.example.com`);
  }
  // The rest of the URL is not printed, because it may be a secret.
  if (url.href !== `${url.origin}/`) throw new UserError(`a manager's URL ends with its host and port: ${url.origin}`);
  return url;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The system's reason why a fetch failed, such as ECONNREFUSED, which fetch hides in the cause. */
export function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}
