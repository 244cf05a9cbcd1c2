import { describe, expect } from "vitest";
import { FaultProxy } from "./fault-proxy.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { Network } from "./network.ts";
import { Outage } from "./outage.ts";
import { skipIfLacking } from "./skip.ts";
import { periods, slackMs } from "./timing.ts";

const test = base
  .extend("network", async ({ skip }, { onCleanup }) => {
    skipIfLacking(skip, await Network.lacking());
    const network = await Network.open();
    onCleanup(() => network.close());
    return network;
  })
  // The manager, where the network can reach it.
  .extend("proxy", async ({ lab, manager: _, network }, { onCleanup }) => {
    const proxy = await FaultProxy.open(lab.url, network.address);
    onCleanup(() => proxy.close());
    return proxy;
  })
  .extend("host", async ({ lab, proxy, network }, { onCleanup }) => {
    const host = new Host(lab, { managerUrl: proxy.url, launcher: network.launcher });
    onCleanup(() => host.stop());
    await host.start();
    await expectInvariants(lab, [host]);
    return host;
  });

describe.concurrent("the network of an agent", () => {
  test.for([
    { fault: "every packet dropped", begin: (network: Network) => network.lose(10) },
    { fault: "link down", begin: (network: Network) => network.unplug() },
  ])(
    "$fault, for longer than the lease: both ends notice, and find each other again",
    async ({ fault, begin }, { task, lab, network, host }) => {
      const outage = await Outage.begin(task, lab, host, fault);
      await begin(network);
      await Promise.all([
        outage.untilOffline(periods.leaseMs + slackMs),
        outage.untilNoticed(periods.leaseMs + slackMs),
      ]);
      await outage.untilLogged("failed=1");

      await network.heal();
      outage.end();
      await outage.untilRecovered();
    },
  );

  test("30 % of the packets lost each way: hosts enrol and answer all the same", async ({
    lab,
    network,
    proxy,
    host,
    onTestFinished,
  }) => {
    await network.lose(3);
    const newcomer = new Host(lab, { managerUrl: proxy.url, launcher: network.launcher });
    onTestFinished(() => newcomer.stop());
    await newcomer.start();
    await expectInvariants(lab, [host, newcomer]);
    expect(await network.dropped()).toBeGreaterThan(0);

    await network.heal();
    await expectInvariants(lab, [host, newcomer]);
    expect(newcomer.log.match(/msg=enrolled/g)).toHaveLength(1);
  });
});
