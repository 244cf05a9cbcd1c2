import { afterEach, expect, test, vi } from "vitest";

const at = (utc: string) => Date.parse(utc);

afterEach(() => vi.unstubAllEnvs());

/** The formats as they are in a time zone. They are made when they are loaded. */
async function inZone(zone: string) {
  vi.stubEnv("TZ", zone);
  vi.resetModules();
  const { zoneIfTwice } = await import("../src/components/zone.ts");
  const { formatMoment } = await import("../src/components/format.ts");
  const { formatRecent, formatStamp } = await import("../src/components/dateAndTime.ts");
  return { zoneIfTwice, formatMoment, formatRecent, formatStamp };
}

test("the two 2:30 of the night in which summer time ends are told apart", async () => {
  const { zoneIfTwice, formatMoment, formatRecent, formatStamp } = await inZone("Europe/Berlin");
  const [first, second] = [at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")];
  expect([zoneIfTwice(first), zoneIfTwice(second)]).toEqual([" GMT+2", " GMT+1"]);
  for (const format of [formatRecent, formatStamp, (time: number) => formatMoment(time, second)]) {
    expect(format(first)).toMatch(/2:30.* GMT\+2$/);
    expect(format(second)).toMatch(/2:30.* GMT\+1$/);
  }
});

test.for([
  ["2026-10-25T00:00:00Z", " GMT+2"],
  ["2026-10-24T23:59:59Z", ""],
  ["2026-10-25T01:59:59Z", " GMT+1"],
  ["2026-10-25T02:00:00Z", ""],
  // The hour that spring leaves out.
  ["2026-03-29T00:30:00Z", ""],
  ["2026-03-29T01:30:00Z", ""],
  ["2026-07-01T00:30:00Z", ""],
] as const)("in Berlin, %s has the zone %j", async ([utc, zone]) => {
  expect((await inZone("Europe/Berlin")).zoneIfTwice(at(utc))).toBe(zone);
});

test("it is so where clocks go back by half an hour, and where they never do", async () => {
  const { zoneIfTwice } = await inZone("Australia/Lord_Howe");
  // At 2:00 they go back to 1:30.
  expect(zoneIfTwice(at("2026-04-04T14:45:00Z"))).toBe(" GMT+11");
  expect(zoneIfTwice(at("2026-04-04T15:15:00Z"))).toBe(" GMT+10:30");
  expect(zoneIfTwice(at("2026-04-04T14:15:00Z"))).toBe("");
  expect((await inZone("UTC")).zoneIfTwice(at("2026-10-25T01:30:00Z"))).toBe("");
});
