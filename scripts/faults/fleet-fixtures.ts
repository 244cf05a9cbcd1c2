import { test as base } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { SwitchableProxy } from "./switchable-proxy.ts";

/** Each test with a fleet has its own lab, whose manager it starts, and fleets that end before the lab does. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  })
  .extend("proxy", async ({ lab }, { onCleanup }) => {
    const proxy = await SwitchableProxy.for(lab.url);
    onCleanup(() => proxy.close());
    return proxy;
  })
  .extend("startFleet", async ({ lab }, { onCleanup }) => {
    const fleets: Fleet[] = [];
    onCleanup(async () => {
      for (const fleet of fleets) await fleet.end();
    });
    return async (options: FleetOptions) => {
      const fleet = await Fleet.start(lab, options);
      fleets.push(fleet);
      return fleet;
    };
  });
