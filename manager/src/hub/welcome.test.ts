import { expect, it } from "vitest";
import { reconnectSpreadMs } from "./welcome.ts";

it.each([
  ["few agents", 1, 1, 1_000],
  ["agents of one hub: 10 ms for each", 2_000, 1, 20_000],
  ["a full hub", 8_000, 1, 60_000],
  ["two full hubs, which the database admits within a minute", 8_000, 2, 60_000],
  ["a small fleet on many hubs", 1_000, 16, 19_200],
  ["a fleet of 60,000: 1.2 ms for each", 7_500, 8, 72_000],
  ["a fleet of 96,000", 8_000, 12, 115_200],
  ["a fleet of a million, whose agents stay away for two minutes at most", 8_000, 125, 120_000],
])("the spread of %s", (_, agents, hubs, spreadMs) => {
  expect(reconnectSpreadMs(agents, hubs)).toBe(spreadMs);
});
