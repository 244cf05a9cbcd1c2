import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { Authority } from "../e2e/certificates.ts";
import { TlsProxy } from "../e2e/tls-proxy.ts";
import { timelineOf } from "./agent-checks.ts";
import { Disk } from "./disk.ts";
import { type Diagnosis, examine } from "./doctor.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { test } from "./fixtures.ts";
import { Namespace } from "./namespace.ts";
import { Network } from "./network.ts";
import { skipIfLacking } from "./skip.ts";

// The Go tests of the agent's package doctor have every fault. These are the ones that need a real host or manager.

/** Fails unless doctor says that this one check fails. */
function expectOnly({ exitCode, failed }: Diagnosis, failure: string): void {
  expect(failed).toEqual([failure]);
  expect(exitCode).toBe(1);
}

function expectHealthy({ exitCode, failed }: Diagnosis): void {
  expect(failed).toEqual([]);
  expect(exitCode).toBe(0);
}

describe.concurrent("doctor, with a real manager", () => {
  test("beside a running agent: all is well, and the agent keeps its connection", async ({ lab, host }) => {
    const id = await host.id();
    const before = await lab.admin.agent(id);
    const timeline = await timelineOf(lab, id);
    for (let run = 0; run < 3; run++) {
      const diagnosis = await examine({ stateDir: host.stateDir });
      expectHealthy(diagnosis);
      expect(diagnosis.texts).toMatchObject({
        state: expect.stringContaining("enrolled, an agent runs"),
        credential: "the manager accepts the token",
      });
    }
    expect(await lab.admin.agent(id)).toEqual(before);
    expect(await timelineOf(lab, id)).toEqual(timeline);
    expect(await lab.request(id, { subject: "test.echo", data: id })).toBe(id);
    expect(host.log).not.toContain("connection lost");
  });

  test("before the enrolment: the manager is reached, and no agent appears", async ({ lab, manager: _ }) => {
    const before = (await lab.admin.agents()).map(({ id }) => id);
    const diagnosis = await examine({ stateDir: join(lab.dir, "newcomer"), managerUrl: lab.url });
    expectHealthy(diagnosis);
    expect(diagnosis.texts.credential).toBe("this host is not enrolled with a manager");
    // Cloudflare dates every answer. The local runtime does not.
    expect(diagnosis.texts.clock).toBe("the manager's answer has no date");
    expect((await lab.admin.agents()).map(({ id }) => id)).toEqual(expect.arrayContaining(before));
  });

  test("an agent that was revoked", async ({ lab, host }) => {
    await lab.admin.call("POST", `/api/agents/${await host.id()}/revoke`);
    expectOnly(await examine({ stateDir: host.stateDir }), "credential agent_revoked");
  });

  test("a proxy that strips Upgrade", async ({ proxy, host }) => {
    proxy.stripUpgrade();
    expectOnly(await examine({ stateDir: host.stateDir }), "upgrade no_websocket");
  });
});

describe.concurrent("doctor, on a host of its own", () => {
  test("its network is healthy, or loses packets", async ({ lab, manager: _, skip, onTestFinished }) => {
    skipIfLacking(skip, await Network.lacking());
    const network = await Network.open();
    onTestFinished(() => network.close());
    const proxy = await FaultProxy.open(lab.url, network.address);
    onTestFinished(() => proxy.close());
    const host = { stateDir: join(lab.dir, "networked"), managerUrl: proxy.url, launcher: network.launcher };
    expectHealthy(await examine(host));
    await network.lose(1);
    expectHealthy(await examine(host));
  });

  // Doctor waits for ten seconds here. The manager, which these need not, starts meanwhile.
  test("its network drops all packets, or is unplugged", async ({ lab, skip, onTestFinished }) => {
    skipIfLacking(skip, await Network.lacking());
    const network = await Network.open();
    onTestFinished(() => network.close());
    const managerUrl = `http://${network.address}:80`;
    const host = { stateDir: join(lab.dir, "cut-off"), managerUrl, launcher: network.launcher };
    await network.lose(10);
    expectOnly(await examine(host), "tcp no_answer");
    await network.heal();
    await network.unplug();
    expectOnly(await examine(host), "tcp no_route");
  });

  test("its files: no name server, no authorities", async ({ lab, manager: _, skip, onTestFinished }) => {
    skipIfLacking(skip, await Namespace.lacking("mount", "mount"));
    const namespace = await Namespace.open("mount");
    onTestFinished(() => namespace.close());
    const stateDir = join(lab.dir, "bare");
    const { launcher } = namespace;

    const servers = join(lab.dir, "resolv.conf");
    await writeFile(servers, "# no name server\n");
    await namespace.run("mount", "--bind", servers, "/etc/resolv.conf");
    expectOnly(
      await examine({ stateDir, launcher, managerUrl: "https://manager.faults.test" }),
      "names no_name_server",
    );

    const authority = await Authority.create(lab.dir, "private");
    const tls = await TlsProxy.open(lab.url, await authority.sign(2));
    onTestFinished(() => tls.close());
    await namespace.run("mount", "-t", "tmpfs", "zedops-faults", "/etc/ssl");
    expectOnly(await examine({ stateDir, launcher, managerUrl: tls.url }), "tls no_authorities");
    const env = { ZEDOPS_CA_FILE: authority.file };
    expectHealthy(await examine({ stateDir, launcher, managerUrl: tls.url, env }));
  });

  test("its agent is a service: doctor finds its state", async ({ host, skip, onTestFinished }) => {
    skipIfLacking(skip, await Namespace.lacking("mount", "mount"));
    const namespace = await Namespace.open("mount");
    onTestFinished(() => namespace.close());
    await namespace.run("mount", "-t", "tmpfs", "zedops-faults", "/var/lib");
    await namespace.run("cp", "-a", host.stateDir, "/var/lib/zedops-agent");
    const diagnosis = await examine({ launcher: namespace.launcher });
    expectHealthy(diagnosis);
    expect(diagnosis.texts.state).toBe("/var/lib/zedops-agent: enrolled, no agent runs");
  });

  test.for([
    { fault: "full", happen: (disk: Disk) => disk.fill() },
    { fault: "read-only", happen: (disk: Disk) => disk.makeReadOnly() },
  ])("its disk is $fault", async ({ happen }, { lab, manager: _, skip, onTestFinished }) => {
    skipIfLacking(skip, await Namespace.lacking("mount", "mount"));
    const disk = await Disk.open();
    onTestFinished(() => disk.close());
    await happen(disk);
    expectOnly(await examine({ stateDir: disk.path, managerUrl: lab.url }), "state state_unwritable");
  });

  test("its state belongs to another user", async ({ lab, manager: _, skip }) => {
    skipIfLacking(skip, process.getuid?.() === 0 ? undefined : "it takes root to become another user");
    const stateDir = join(lab.dir, "closed");
    await mkdir(stateDir, { mode: 0o700 });
    const launcher = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    // Nobody else may enter the folder of the lab.
    const { exitCode, failed } = await examine({ stateDir, launcher, managerUrl: lab.url });
    expect(failed).toEqual(["state state_unreadable"]);
    expect(exitCode).toBe(1);
  });
});
