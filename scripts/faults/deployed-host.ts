import { expect, vi } from "vitest";
import type { Lab, LabAgent } from "../e2e/lab.ts";
import { enrolledId } from "../stack/agent.ts";
import { type Entry, printed, RECONNECTS_WITHIN, storyOf, timelineOf, untilAnswers } from "./agent-checks.ts";

/** A host whose agent runs while the manager is replaced by another release. */
export class DeployedHost {
  readonly id: string;
  readonly #lab: Lab;
  readonly #name: string;
  readonly #binary: string | undefined;
  #agent: LabAgent;
  /** Its timeline when {@link remember} was called last. */
  #past: Entry[] = [];

  /** Enrols a new host and waits until its agent answers. */
  static async start(lab: Lab, name: string, binary?: string): Promise<DeployedHost> {
    const agent = await startAgent(lab, name, binary);
    const { id } = await vi.waitFor(() => lab.agent(name), RECONNECTS_WITHIN);
    await untilAnswers(lab, id);
    return new DeployedHost(lab, name, binary, agent, id);
  }

  private constructor(lab: Lab, name: string, binary: string | undefined, agent: LabAgent, id: string) {
    this.id = id;
    this.#lab = lab;
    this.#name = name;
    this.#binary = binary;
    this.#agent = agent;
  }

  async stop(): Promise<void> {
    await this.#agent.process.stop();
  }

  /** Starts the agent with the identity that it has. */
  async startAgain(): Promise<void> {
    this.#agent = await startAgent(this.#lab, this.#name, this.#binary);
  }

  /** Keeps its present timeline, to be compared with a later one. */
  async remember(): Promise<void> {
    this.#past = await timelineOf(this.#lab, this.id);
  }

  /**
   * Waits until its agent answers again, and checks that it is the same agent, and that its timeline is the remembered one
   * with one absence more.
   */
  async untilBack(reason: string): Promise<void> {
    await untilAnswers(this.#lab, this.id);
    expect(await enrolledId(this.#agent.stateDir)).toBe(this.id);
    const entries = await timelineOf(this.#lab, this.id);
    expect(storyOf(entries), this.#name).toEqual([...storyOf(this.#past), reason, "online"]);
    for (const [index, { at, durationMs }] of entries.entries()) {
      const later = entries[index - 1];
      expect(durationMs, `duration of entry ${index} of ${this.#name}`).toBe(
        later === undefined ? null : later.at - at,
      );
      expect(durationMs ?? 0).toBeGreaterThanOrEqual(0);
    }
    const [newest, ...older] = this.#past;
    expect(entries.slice(2)).toEqual([{ ...newest, durationMs: expect.any(Number) }, ...older]);
  }

  /** Waits until its agent has printed this published message, and checks that it came once. */
  async expectPrinted(data: unknown): Promise<void> {
    await expect.poll(() => printed(this.#agent).at(-1), RECONNECTS_WITHIN).toEqual(data);
    expect(printed(this.#agent).filter((message) => message === data)).toHaveLength(1);
  }

  async expectSubscribed(): Promise<void> {
    const path = `/api/agents/${this.id}/subscriptions`;
    expect(await this.#lab.admin.call("GET", path)).toMatchObject({ patterns: ["fleet.>", `agents.${this.id}.>`] });
  }
}

function startAgent(lab: Lab, name: string, binary: string | undefined): Promise<LabAgent> {
  const subscribe = ["fleet.>", "agents.self.>"];
  return lab.startAgent(name, { subscribe, verbose: true, ...(binary !== undefined && { binary }) });
}
