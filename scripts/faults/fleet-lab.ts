import { test as base } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { FrontDoor } from "./front-door.ts";

/** What each test with a fleet has: a lab of its own, whose manager it starts, and fleets that end before that. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  })
  .extend("door", async ({ lab }, { onCleanup }) => {
    const door = await FrontDoor.to(lab.url);
    onCleanup(() => door.close());
    return door;
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
