import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test as base, describe, expect, inject, vi } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { enrolledId, REFUSED } from "../stack/agent.ts";
import { Release, releases } from "../stack/release.ts";
import { printed, publish, RECONNECTS_WITHIN, storyOf, timelineOf, untilAnswers } from "./agent-checks.ts";
import { managerVars, periods } from "./timing.ts";

/** Which end is of the release; the other one is of the present code. */
const pairs = [
  { title: "the agent of %s with the present manager", oldAgent: true },
  { title: "the present agent with the manager of %s", oldAgent: false },
];

const SUBSCRIBE = ["fleet.>", "agents.self.>"];

/** The tests of one pair share a manager, which the first of them starts. Each has an agent of its own, which is stopped when the test ends. */
function testOf(commit: string, oldAgent: boolean) {
  return (
    base
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
      .extend("lab", { scope: "file" }, async ({}, { onCleanup }) => {
        const lab = await Lab.open();
        onCleanup(() => lab.close());
        return lab;
      })
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
      .extend("release", { scope: "file" }, async ({}) => await Release.open(commit, inject("releases")))
      .extend("startManager", { scope: "file" }, async ({ lab, release }) => {
        const config = oldAgent ? undefined : release.managerConfig;
        return () => lab.startManager(managerVars(periods), config);
      })
      .extend("manager", { scope: "file" }, async ({ startManager }) => await startManager())
      .extend("agent", async ({ lab, release, manager: _, task }, { onCleanup }) => {
        const name = `host-${task.id}`;
        const agent = await lab.startAgent(name, {
          ...{ subscribe: SUBSCRIBE, verbose: true },
          ...(oldAgent && { binary: release.agentBinary }),
        });
        onCleanup(() => agent.process.stop());
        const { id } = await vi.waitFor(() => lab.agent(name), RECONNECTS_WITHIN);
        await untilAnswers(lab, id);
        return { ...agent, id };
      })
  );
}

for (const commit of releases) {
  const lacking = await Release.lacking(commit);
  if (lacking !== undefined) console.warn(`SKIPPED, this machine cannot run it: ${lacking}`);

  for (const { title, oldAgent } of pairs) {
    const test = testOf(commit, oldAgent);
    describe.skipIf(lacking !== undefined)(title.replace("%s", commit), () => {
      test.concurrent("enrols, under its own version", async ({ lab, agent: { id, stateDir }, release }) => {
        expect(await enrolledId(stateDir)).toBe(id);
        const shown = await lab.admin.call("GET", `/api/agents/${id}`);
        if (oldAgent) expect(shown).toMatchObject({ version: release.commit });
        expect(shown).toMatchObject({ status: "online", reason: null, rttMs: expect.any(Number) });
      });

      test.concurrent("beats, and so keeps its lease on one connection", async ({ lab, agent: { id, log } }) => {
        const before = await lab.admin.agent(id);
        await vi.waitUntil(() => Date.now() > (before?.connectedAt ?? 0) + 2 * periods.leaseMs, {
          timeout: 3 * periods.leaseMs,
        });
        expect(await lab.admin.agent(id)).toMatchObject({ status: "online", connectedAt: before?.connectedAt });
        expect(log.join("\n")).not.toContain("connection lost");
      });

      test.concurrent("is late while it is suspended, then offline, and comes back", async ({
        expect,
        lab,
        agent: { id, process },
      }) => {
        const shown = async () => {
          const agent = await lab.admin.agent(id);
          return `${agent?.status} ${agent?.reason}`;
        };
        const patience = { timeout: 2 * periods.leaseMs + 15_000, interval: 50 };
        process.signal("SIGSTOP");
        try {
          await expect.poll(shown, patience).toBe("online late");
          await expect.poll(shown, patience).toBe("offline lease_expired");
        } finally {
          process.signal("SIGCONT");
        }
        await untilAnswers(lab, id);
        expect(storyOf(await timelineOf(lab, id)).at(-1)).toBe("online");
      });

      test.concurrent("receives what is published, and acknowledges it", async ({ expect, lab, agent }) => {
        // More than fit into the credit window at once.
        for (let n = 0; n < 260; n++) await publish(lab, `agents.${agent.id}.news`, n);
        await expect.poll(() => printed(agent).at(-1)).toBe(259);
        expect(printed(agent)).toEqual(Array.from({ length: 260 }, (_, n) => n));
        expect(await lab.admin.call("GET", `/api/agents/${agent.id}/subscriptions`)).toMatchObject({
          ...{ patterns: ["fleet.>", `agents.${agent.id}.>`], delivered: 260, dropped: 0 },
        });
      });

      test.concurrent("takes a new token, with which it stays the same agent", async ({
        expect,
        lab,
        agent: { id, stateDir },
      }) => {
        const token = () => readFile(join(stateDir, "token"), "utf8");
        const before = await token();
        await lab.admin.call("POST", `/api/agents/${id}/rotate`);
        await expect.poll(token, RECONNECTS_WITHIN).not.toBe(before);
        await untilAnswers(lab, id);
        expect(await enrolledId(stateDir)).toBe(id);
      });

      test.concurrent("stops for good when it is revoked", async ({ lab, agent: { id, process, log } }) => {
        await lab.admin.call("POST", `/api/agents/${id}/revoke`);
        expect(await process.ended).toBe(REFUSED);
        expect(log.at(-1)).toContain("revoked");
        expect(await lab.admin.agent(id)).toMatchObject({ status: "offline", reason: "revoked" });
      });

      // These end the connections of all agents of the manager, so they run alone.
      test("leaves when it is drained and comes back after its delay", async ({ lab, agent }) => {
        const drainedAt = Date.now();
        await lab.admin.call("POST", "/api/admin/drain", JSON.stringify({ delayMs: 2_000 }));
        const { connectedAt } = (await untilAnswers(lab, agent.id)) ?? {};
        expect(connectedAt).toBeGreaterThanOrEqual(drainedAt + 2_000);
        expect(storyOf(await timelineOf(lab, agent.id))).toEqual(["online", "manager_restart", "online"]);
        await publish(lab, "fleet.news", "after the drain");
        await expect.poll(() => printed(agent)).toEqual(["after the drain"]);
      });

      test("reconnects when the manager was killed", async ({ lab, agent, startManager }) => {
        await lab.killManager();
        await startManager();
        await untilAnswers(lab, agent.id);
        expect(storyOf(await timelineOf(lab, agent.id))).toEqual(["online", "manager_restart", "online"]);
        await publish(lab, "fleet.news", "after the restart");
        await expect.poll(() => printed(agent)).toEqual(["after the restart"]);
      });
    });
  }
}
