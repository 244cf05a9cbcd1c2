import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { z } from "zod";
import { Admin, type Agent } from "../stack/admin.ts";
import { type AgentOptions, startAgent } from "../stack/agent.ts";
import type { Child } from "../stack/child.ts";
import { ensureDevVars, localPassword, readDevVars } from "../stack/dev-vars.ts";
import { type ManagerOptions, startManager } from "../stack/manager.ts";
import { localUrl } from "../stack/settings.ts";
import { Stack } from "../stack/stack.ts";
import { UserError } from "../stack/user-error.ts";
import { isFree, ownPort } from "./own-port.ts";

const Reply = z.object({ data: z.unknown().optional() });

const host = "127.0.0.1";

export interface LabAgent {
  process: Child;
  stateDir: string;
  /** What it has written so far. */
  log: string[];
}

export interface LabAgentOptions extends Omit<AgentOptions, "onLine"> {
  /** An enrolment token; by default one is minted if the agent has no identity yet. */
  token?: string;
  /** Consecutive failures after which it gives up; never by default. */
  maxRetries?: number;
  /** The patterns that it subscribes to; none by default. */
  subscribe?: string[];
  /** The URL that it connects to; the lab's manager by default. */
  managerUrl?: string;
  /** Where it keeps its identity; a folder of the lab's by default. */
  stateDir?: string;
  /** If false, there is no admin password, so no token is minted for it. */
  mayMint?: boolean;
}

/**
 * Waits until an agent has connected since its start: it logs this when its own echo has come back. It has stored its token
 * and sent its subscriptions by then. The API reports it online earlier.
 */
export async function untilConnected({ log }: Pick<LabAgent, "log">): Promise<void> {
  await expect.poll(() => log.join("\n"), { timeout: 60_000 }).toContain("msg=connected");
}

/** A manager with its own port and database, and agents, all started by the code of `make up`. */
export class Lab {
  /** The folder of all files of the lab. */
  readonly dir: string;
  readonly url: string;
  readonly password: string;
  readonly admin: Admin;
  /** Every line that the manager and the agents have written. */
  readonly output: string[] = [];
  readonly #port: number;
  readonly #stack = new Stack();
  #manager: Child | undefined;

  static async open(): Promise<Lab> {
    await ensureDevVars();
    const password = await localPassword();
    if (password === undefined) throw new Error("there is no local password");
    return new Lab(await mkdtemp(join(tmpdir(), "zedops-e2e-")), await ownPort(), password);
  }

  private constructor(dir: string, port: number, password: string) {
    this.dir = dir;
    this.#port = port;
    this.url = localUrl(host, port);
    this.password = password;
    this.admin = new Admin(new URL(this.url), password);
  }

  /** Starts the manager with the data of the previous one. The variables override those in wrangler.jsonc. */
  async startManager(vars: ManagerOptions["vars"] = {}, config?: string): Promise<Child> {
    const settings = { host, port: this.#port, dataDir: join(this.dir, "data") };
    const options = { vars, ...(config !== undefined && { config }), onLine: (line: string) => this.output.push(line) };
    this.#manager = await startManager(this.#stack, settings, options);
    return this.#manager;
  }

  /** Kills the manager, as a crash would. */
  async killManager(): Promise<void> {
    await this.#manager?.kill();
    // Its runtime is a separate process, which holds the port until its last socket is closed.
    await expect.poll(() => isFree(this.#port), { timeout: 30_000 }).toBe(true);
  }

  /** Starts an agent. The same name is the same host, with the same state. */
  async startAgent(name: string, options: LabAgentOptions = {}): Promise<LabAgent> {
    const { token, maxRetries = 0, subscribe = [], managerUrl = this.url, mayMint = true, ...how } = options;
    const { stateDir = join(this.dir, "hosts", name), ...run } = how;
    const log: string[] = [];
    const settings = {
      ...{ host, port: this.#port, dataDir: this.dir, managerUrl },
      ...{ token, tokenFile: undefined, stateDir, agentName: name, maxRetries, subscribe },
    };
    const administrator = async () => {
      if (!mayMint) throw new UserError("no admin password");
      return this.admin;
    };
    const onLine = (line: string) => {
      log.push(line);
      this.output.push(line);
    };
    const process = await startAgent(this.#stack, settings, administrator, { ...run, onLine });
    return { process, stateDir, log };
  }

  /** The agent with that name, from the API. */
  async agent(name: string): Promise<Agent> {
    const agent = (await this.admin.agents()).find((candidate) => candidate.name === name);
    if (agent === undefined) throw new Error(`no agent ${name}`);
    return agent;
  }

  /** Waits until the API reports the status, for as long as an agent may take to reconnect. */
  async untilStatus(name: string, status: Agent["status"]): Promise<Agent> {
    await expect.poll(async () => (await this.agent(name)).status, { timeout: 60_000 }).toBe(status);
    return await this.agent(name);
  }

  /** Sends a request to an agent and returns the data of its reply. */
  async request(agentId: string, message: { subject: string; data?: unknown; timeoutMs?: number }): Promise<unknown> {
    const answer = await this.admin.call("POST", `/api/agents/${agentId}/request`, JSON.stringify(message));
    return Reply.parse(answer).data;
  }

  /** Stops everything, and fails if any of it has ever printed a secret. */
  async close(): Promise<void> {
    await this.#stack.stop();
    // wrangler may still write its log.
    await rm(this.dir, { recursive: true, maxRetries: 20 });
    const { JWT_SECRET = "" } = await readDevVars();
    const printed = this.output.join("\n");
    expect(printed).not.toContain(this.password);
    expect(printed).not.toContain(JWT_SECRET);
    expect(printed, "a token").not.toMatch(/eyJ[\w-]+\.eyJ/);
  }
}
