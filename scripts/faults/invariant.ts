import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { z } from "zod";
import type { Lab } from "../e2e/lab.ts";
import { enrolledId } from "../stack/agent.ts";
import type { Host } from "./host.ts";

const Acknowledged = z.object({ leaseMs: z.number() });

/** An agent waits for at most 60 s between attempts, and an attempt takes at most 10 s a step. */
const CONVERGES_WITHIN_MS = 90_000;

/** Enough for the slowest path of all tests. */
const ANSWERS_WITHIN_MS = 10_000;

/**
 * Waits until the invariants hold that must hold after every fault, once all these hosts can reach the manager: the API
 * reports exactly those online whose agent runs, has each host once, and each agent's credential is accepted and it
 * answers requests.
 */
export async function expectInvariants(lab: Lab, hosts: readonly Host[]): Promise<void> {
  await vi.waitFor(
    async () => {
      const agents = await lab.admin.agents();
      for (const host of hosts) {
        const rows = agents.filter(({ name }) => name === host.name);
        expect(rows, host.name).toMatchObject([{ status: host.alive ? "online" : "offline" }]);
        const [{ id } = { id: "" }] = rows;
        expect(await enrolledId(host.stateDir), "the id in the credential").toBe(id);
        if (!host.alive) continue;
        const echo = { subject: "test.echo", data: host.name, timeoutMs: ANSWERS_WITHIN_MS };
        expect(await lab.request(id, echo)).toBe(host.name);
        await expectAccepted(lab, host.stateDir);
      }
    },
    { timeout: CONVERGES_WITHIN_MS, interval: 200 },
  );
}

/**
 * Checks that the manager accepts the credential on disk, by a heartbeat over HTTP, which does not disturb the agent.
 */
async function expectAccepted(lab: Lab, stateDir: string): Promise<void> {
  const token = (await readFile(join(stateDir, "token"), "utf8")).trim();
  const answer = await fetch(`${lab.url}/api/agent/heartbeat`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
    signal: AbortSignal.timeout(10_000),
  });
  expect(answer.status, "of a heartbeat with the credential on disk").toBe(200);
  Acknowledged.parse(await answer.json());
}
