import { expect } from "vitest";
import type { Lab } from "../e2e/lab.ts";
import { UserError } from "../stack/user-error.ts";

/** Concurrent requests. */
const LANES = 4;

/**
 * A stream of requests to one agent. A request may fail during a fault, but a reply must always belong to its request.
 */
export class Traffic {
  readonly #ended: Promise<unknown>;
  #flowing = true;

  constructor(lab: Lab, agentId: string) {
    this.#ended = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#flow(lab, agentId, lane)));
    // It is awaited only at the end.
    this.#ended.catch(() => {});
  }

  /** Ends it, and throws if there was a wrong reply. */
  async stop(): Promise<void> {
    this.#flowing = false;
    await this.#ended;
  }

  async #flow(lab: Lab, agentId: string, lane: number): Promise<void> {
    for (let turn = 0; this.#flowing; turn++) {
      const data = `${lane}.${turn}`;
      const reply = await lab.request(agentId, { subject: "test.echo", data }).catch((error: unknown) => {
        if (error instanceof UserError) return undefined;
        throw error;
      });
      if (reply !== undefined) expect(reply).toBe(data);
    }
  }
}
