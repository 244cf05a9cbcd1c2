import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Lab, LabAgent, LabAgentOptions } from "../e2e/lab.ts";

/** Much longer than an agent takes to give up. */
const ENDS_WITHIN_MS = 30_000;

/** A host with an agent that can be killed and started again. */
export class Host {
  readonly name = `host-${randomUUID()}`;
  readonly #lab: Lab;
  readonly #options: LabAgentOptions;
  readonly #past: LabAgent[] = [];
  #agent: LabAgent | undefined;

  /** Its agent is started with these options every time. */
  constructor(lab: Lab, options: LabAgentOptions = {}) {
    this.#lab = lab;
    this.#options = { verbose: true, ...options };
  }

  /** Whether its agent runs. */
  get alive(): boolean {
    return this.#agent !== undefined;
  }

  /** The output of its agents so far, the current one last. */
  get log(): string {
    const agents = this.#agent === undefined ? this.#past : [...this.#past, this.#agent];
    return agents.flatMap(({ log }) => log).join("\n");
  }

  /** The folder of its identity. */
  get stateDir(): string {
    const agent = this.#agent ?? this.#past.at(-1);
    if (agent === undefined) throw new Error("the host was never started");
    return agent.stateDir;
  }

  async start(): Promise<void> {
    this.#agent = await this.#lab.startAgent(this.name, this.#options);
  }

  /** Kills the agent, as a crash would. */
  async kill(): Promise<void> {
    await this.#leave()?.process.kill();
  }

  async stop(): Promise<void> {
    await this.#leave()?.process.stop();
  }

  /** Waits until the agent has ended by itself, and returns how it ended. */
  async ended(): Promise<unknown> {
    const ending = await Promise.race([
      this.#agent?.process.ended,
      pause(ENDS_WITHIN_MS, "it still runs", { ref: false }),
    ]);
    this.#leave();
    return ending;
  }

  /** Its agent id, from the API. */
  async id(): Promise<string> {
    return (await this.#lab.agent(this.name)).id;
  }

  #leave(): LabAgent | undefined {
    const agent = this.#agent;
    if (agent !== undefined) this.#past.push(agent);
    this.#agent = undefined;
    return agent;
  }
}
