import { test as base } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { managerVars, periods } from "./extent.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { Host } from "./host.ts";
import { expectTruth } from "./invariant.ts";

/** What the tests of a file share is a lab with a running manager; each has a bad path to it, and a host behind that. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", { scope: "file" }, async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  })
  .extend("manager", { scope: "file" }, async ({ lab }) => await lab.startManager(managerVars(periods)))
  .extend("proxy", async ({ lab, manager: _ }, { onCleanup }) => {
    const proxy = await FaultProxy.open(lab.url);
    onCleanup(() => proxy.close());
    return proxy;
  })
  // Online, and ended with the test: hosts of earlier tests would only keep the machine busy.
  .extend("host", async ({ lab, proxy }, { onCleanup }) => {
    const host = new Host(lab, { managerUrl: proxy.url });
    onCleanup(() => host.stop());
    await host.start();
    await expectTruth(lab, [host]);
    return host;
  });
