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

/** Over the slowest of paths. */
const ANSWERS_WITHIN_MS = 10_000;

/**
 * What holds after every fault, once the path to all of these hosts is open: the API says online of exactly those whose
 * agent runs, it knows each host once, and each agent's credential is whole and accepted and it answers requests.
 */
export async function expectTruth(lab: Lab, hosts: readonly Host[]): Promise<void> {
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

/** The credential on the disk is shown to the manager, without disturbing the agent that lives by it. */
async function expectAccepted(lab: Lab, stateDir: string): Promise<void> {
  const token = (await readFile(join(stateDir, "token"), "utf8")).trim();
  const answer = await fetch(`${lab.url}/api/agent/heartbeat`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
    signal: AbortSignal.timeout(10_000),
  });
  expect(answer.status, "of a beat with the credential on the disk").toBe(200);
  Acknowledged.parse(await answer.json());
}
