import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { z } from "zod";
import type { Lab } from "../e2e/lab.ts";
import { refusedUpgrade } from "../e2e/raw-agent.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { RegistryFile } from "./registry-file.ts";
import { full } from "./timing.ts";

/** How long D1 is out of reach; milliseconds. */
const OUTAGE_MS = full ? 180_000 : 12_000;

const PATIENCE = { timeout: 60_000, interval: 100 };

const Timeline = z.array(z.object({ status: z.enum(["online", "offline"]), reason: z.string().nullable() }));

const test = base.extend("registry", async ({ lab, manager: _ }, { onCleanup }) => {
  const registry = await RegistryFile.open(lab.dir);
  onCleanup(() => registry.close());
  return registry;
});

test("while D1 is out of reach connected agents notice nothing, nobody new comes in, and no transition is lost", async ({
  lab,
  registry,
}) => {
  const [steady, dying] = [new Host(lab), new Host(lab)];
  for (const host of [steady, dying]) await host.start();
  await expectInvariants(lab, [steady, dying]);
  const [steadyId, dyingId] = [await steady.id(), await dying.id()];
  const before = await medianEchoMs(lab, steadyId);

  registry.fail();
  const over = performance.now() + OUTAGE_MS;
  await dying.kill();
  expect(await refusedUpgrade(lab.url, await bearer(dying))).toMatchObject({
    ...{ status: 503, retryAfter: "5" },
    body: { error: { code: "registry_unavailable" } },
  });
  await dying.start();
  await vi.waitFor(() => expect(dying.log).toMatch(/cannot connect.*registry_unavailable/), PATIENCE);
  // Noise does not slow an echo by this factor. Waiting for D1 would: D1 takes 20 ms or more to answer or fail.
  expect(await medianEchoMs(lab, steadyId)).toBeLessThan(10 * before);
  await vi.waitUntil(() => performance.now() > over, { ...PATIENCE, timeout: OUTAGE_MS });
  expect(steady.log).not.toContain("connection lost");

  registry.recover();
  await expectInvariants(lab, [steady, dying]);
  await vi.waitFor(async () => {
    const entries = Timeline.parse(await lab.admin.call("GET", `/api/agents/${dyingId}/events`));
    expect(entries.map(({ status, reason }) => [status, reason])).toEqual([
      ["online", null],
      ["offline", "lost"],
      ["online", null],
    ]);
  }, PATIENCE);
  for (const host of [steady, dying]) await host.stop();
});

/** The authorization header of the host's agent. */
async function bearer(host: Host): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await readFile(join(host.stateDir, "token"), "utf8")).trim()}` };
}

/** The median round trip of an echo through the manager; milliseconds. */
async function medianEchoMs(lab: Lab, agentId: string): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < 51; n++) {
    const sent = performance.now();
    await lab.request(agentId, { subject: "test.echo", data: n });
    took.push(performance.now() - sent);
  }
  return took.toSorted((a, b) => a - b)[25] ?? Number.NaN;
}
