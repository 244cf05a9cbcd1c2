import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { z } from "zod";
import type { Lab } from "../e2e/lab.ts";

const Registered = z.object({ agentId: z.string(), token: z.string() });

/** An agent that uses the HTTP fallback: its connection is a row of the hub's database, and outlives the manager. */
export class HttpLease {
  readonly id: string;
  readonly #lab: Lab;
  readonly #token: string;
  #connectedAt: number | null = null;

  static async begin(lab: Lab): Promise<HttpLease> {
    const enrolment = await lab.admin.mintToken({});
    const host = { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "over-http" };
    const answer = await post(lab, "register", enrolment, host);
    const { agentId, token } = Registered.parse(answer);
    return new HttpLease(lab, agentId, token);
  }

  private constructor(lab: Lab, id: string, token: string) {
    this.#lab = lab;
    this.id = id;
    this.#token = token;
  }

  /** Beats, and so has the whole lease from now on. */
  async renew(): Promise<void> {
    await post(this.#lab, "heartbeat", this.#token, { rttMs: 7 });
    this.#connectedAt = (await this.#lab.admin.agent(this.id))?.connectedAt ?? null;
  }

  /** Checks that the agent is still online by the same lease, without another beat, and that the next one is taken. */
  async expectKept(): Promise<void> {
    const kept = { status: "online", connectedAt: this.#connectedAt };
    expect(await this.#lab.admin.agent(this.id)).toMatchObject(kept);
    await post(this.#lab, "heartbeat", this.#token, {});
    expect(await this.#lab.admin.agent(this.id)).toMatchObject(kept);
  }
}

async function post(lab: Lab, route: string, token: string, body: object): Promise<unknown> {
  const answer = await fetch(`${lab.url}/api/agent/${route}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "zedops-install-id": randomUUID(),
    },
    body: JSON.stringify(body),
  });
  expect(answer.status, `of ${route}`).toBe(200);
  return await answer.json();
}
