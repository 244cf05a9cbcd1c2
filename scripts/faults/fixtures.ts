import { test as base } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { managerVars, periods } from "./timing.ts";

/**
 * The tests of a file share a lab with a running manager. Each test has its own fault proxy to it, and a host behind
 * that.
 */
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
  // Online when the test begins, and stopped when it ends, to save CPU.
  .extend("host", async ({ lab, proxy }, { onCleanup }) => {
    const host = new Host(lab, { managerUrl: proxy.url });
    onCleanup(() => host.stop());
    await host.start();
    await expectInvariants(lab, [host]);
    return host;
  });
