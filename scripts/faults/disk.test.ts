import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { HandshakeProxy } from "../e2e/handshake-proxy.ts";
import { Disk } from "./disk.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { Namespace } from "./namespace.ts";
import { skipIfLacking } from "./skip.ts";

const test = base.extend("disk", async ({ skip }, { onCleanup }) => {
  skipIfLacking(skip, await Namespace.lacking("mount", "mount"));
  const disk = await Disk.open();
  onCleanup(() => disk.close());
  return disk;
});

const faults = [
  { fault: "full", happen: (disk: Disk) => disk.fill(), says: "no space left on device" },
  { fault: "read-only", happen: (disk: Disk) => disk.makeReadOnly(), says: "read-only file system" },
];

describe.concurrent("the disk with an agent's state", () => {
  test.for(faults)(
    "is $fault from the beginning: the agent says so, and its token is good once the disk is good again",
    async ({ happen, says }, { lab, manager: _, disk, onTestFinished }) => {
      await happen(disk);
      const host = new Host(lab, { stateDir: join(disk.path, "state"), token: await lab.admin.mintToken({}) });
      onTestFinished(() => host.stop());
      await host.start();
      expect(await host.ended()).toBe(1);
      expect(host.log).toContain(says);

      await disk.repair();
      await host.start();
      await expectInvariants(lab, [host]);
    },
  );

  test.for(faults)(
    "is $fault as the agent enrols: the agent says so, and enrols as the same once the disk is good again",
    async ({ happen, says }, { lab, manager: _, disk, onTestFinished }) => {
      const proxy = await HandshakeProxy.open(lab.url);
      onTestFinished(() => proxy.close());
      const token = await lab.admin.mintToken({});
      const host = new Host(lab, { stateDir: join(disk.path, "state"), token, managerUrl: proxy.url });
      onTestFinished(() => host.stop());
      const reply = proxy.hold("registered");
      await host.start();
      const { agentId } = await reply;
      await happen(disk);
      await (await reply).pass();
      expect(await host.ended()).toBe(1);
      expect(host.log).toContain(says);
      expect(host.log).toContain("again with the same enrolment token");

      await disk.repair();
      await host.start();
      await expectInvariants(lab, [host]);
      expect(await host.id()).toBe(agentId);
    },
  );

  test.for(faults)(
    "is $fault as the token is rotated: the operator is told, and the agent stays with the token it has",
    async ({ happen }, { lab, manager: _, disk, onTestFinished }) => {
      const host = new Host(lab, { stateDir: join(disk.path, "state"), token: await lab.admin.mintToken({}) });
      onTestFinished(() => host.stop());
      await host.start();
      await expectInvariants(lab, [host]);
      const [id, token] = [await host.id(), await readFile(join(host.stateDir, "token"), "utf8")];
      const { connectedAt } = await lab.agent(host.name);

      await happen(disk);
      await expect(lab.admin.call("POST", `/api/agents/${id}/rotate`)).rejects.toThrow("(not_saved)");
      await expectInvariants(lab, [host]);
      expect(await readFile(join(host.stateDir, "token"), "utf8")).toBe(token);
      expect(await lab.agent(host.name)).toMatchObject({ connectedAt });

      await disk.repair();
      await lab.admin.call("POST", `/api/agents/${id}/rotate`);
      await expectInvariants(lab, [host]);
      expect(await readFile(join(host.stateDir, "token"), "utf8")).not.toBe(token);
    },
  );
});
