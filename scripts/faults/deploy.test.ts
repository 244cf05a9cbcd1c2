/**
 * A deploy and a rollback as a fault: managers of two releases take turns on one port and one data directory, while agents
 * of both releases run.
 *
 * The local runtime cannot replace the code of a hub that hibernates: `wrangler dev` ends the old runtime and starts
 * another, so every socket breaks, as with a hub that never hibernates. Carried over here are the hub's own database and
 * D1: the rows of connections that are gone, leases over HTTP, and transitions that D1 does not have yet. The attachments
 * of sockets that outlive a deploy are covered by the fixtures of manager/test/fixtures, which scripts/write-fixtures.ts
 * has the release itself write.
 */
import { test as base, describe, expect, inject, vi } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { Release, releases } from "../stack/release.ts";
import { publish, RECONNECTS_WITHIN } from "./agent-checks.ts";
import { DeployedHost } from "./deployed-host.ts";
import { HttpLease } from "./http-lease.ts";
import { type HubDisk, readHubs } from "./hub-disk.ts";
import { RegistryFile } from "./registry-file.ts";

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  });

for (const commit of releases) {
  const lacking = await Release.lacking(commit);
  if (lacking !== undefined) console.warn(`SKIPPED, this machine cannot run it: ${lacking}`);

  describe.skipIf(lacking !== undefined)(`between the release ${commit} and the present code`, () => {
    test("a deploy, a rollback and a second deploy leave identities, presence, timelines and subscriptions right", async ({
      lab,
    }) => {
      const release = await Release.open(commit, inject("releases"));
      await lab.startManager({}, release.managerConfig);
      const hosts = [
        await DeployedHost.start(lab, "old-1", release.agentBinary),
        await DeployedHost.start(lab, "old-2", release.agentBinary),
        await DeployedHost.start(lab, "new-1"),
      ];
      const lease = await HttpLease.begin(lab);
      const registry = await RegistryFile.open(lab.dir);

      for (const [step, config] of [undefined, release.managerConfig, undefined].entries()) {
        const leaver = hosts[step % hosts.length] as DeployedHost;
        await lease.renew();
        for (const host of hosts) await host.remember();

        // D1 does not have this transition when the manager ends.
        registry.fail();
        await leaver.stop();
        await vi.waitFor(async () => expect(backlog(await readHubs(lab))).toBe(1), RECONNECTS_WITHIN);
        await lab.killManager();
        registry.recover();
        await lab.startManager({}, config);

        // The new manager has it from the hub's database, and the lease over HTTP too.
        await lease.expectKept();
        for (const host of hosts) if (host !== leaver) await host.untilBack("manager_restart");
        await vi.waitFor(async () => expect(backlog(await readHubs(lab))).toBe(0), RECONNECTS_WITHIN);
        expect(await lab.admin.agent(leaver.id)).toMatchObject({ status: "offline", reason: "stopped" });
        await leaver.startAgain();
        await leaver.untilBack("stopped");

        // It serves requests, messages and departures.
        expect(await publish(lab, "fleet.news", step)).toEqual({ delivered: hosts.length, dropped: 0 });
        for (const host of hosts) {
          await host.expectPrinted(step);
          await host.expectSubscribed();
        }
        await leaver.remember();
        await leaver.stop();
        await vi.waitFor(
          async () => expect(await lab.admin.agent(leaver.id)).toMatchObject({ status: "offline", reason: "stopped" }),
          RECONNECTS_WITHIN,
        );
        await leaver.startAgain();
        await leaver.untilBack("stopped");
        expect(await lab.admin.agents(), "each host once, and the lease").toHaveLength(hosts.length + 1);
      }
      registry.close();
    });
  });
}

/** How many transitions D1 does not have yet. */
function backlog(hubs: readonly HubDisk[]): number {
  return hubs.reduce((sum, { outbox }) => sum + outbox, 0);
}
