import { describe, expect, it } from "vitest";
import { flappingUntil, type StoredEvent, timeline, uptime } from "./timeline.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_790_000_000_000;

type Step = ["online" | "offline", number];

/** Events as the registry returns them. Each step gives the status and how many milliseconds ago it began. */
function events(...steps: Step[]): StoredEvent[] {
  return steps.map(([status, ago], place) => ({
    ...{ status, at: NOW - ago, generation: steps.length - place, address: null, closeCode: null },
    reason: status === "online" ? null : "lost",
  }));
}

/** The presence shown for an agent if the registry has its newest event. */
function asOf([newest]: StoredEvent[]) {
  if (newest === undefined) throw new Error("no event");
  return { ...newest, since: newest.at };
}

function timelineOf(...steps: Step[]) {
  const kept = events(...steps);
  return timeline(kept, asOf(kept), NOW);
}

describe("a timeline", () => {
  it("has the duration of each past status, and none for the present one", () => {
    expect(timelineOf(["online", 5], ["offline", 60], ["online", 1000]).map((entry) => entry.durationMs)).toEqual([
      null,
      55,
      940,
    ]);
  });

  it("begins with the shown presence if the registry does not have it yet", () => {
    const kept = events(["online", 1000]);
    const expired = { ...asOf(kept), status: "offline", reason: "lease_expired", since: NOW - 10 } as const;
    expect(timeline(kept, expired, NOW)).toMatchObject([
      { status: "offline", reason: "lease_expired", durationMs: null },
      { status: "online", durationMs: 990 },
    ]);
    const [never] = timeline([], { ...expired, reason: "never_connected" }, NOW);
    expect(never).toMatchObject({ status: "offline", reason: "never_connected", durationMs: null });
  });

  it("keeps an event that was written after the presence was read", () => {
    const [beginning] = events(["online", 1000]);
    if (beginning === undefined) throw new Error("no event");
    const end: StoredEvent = { ...beginning, status: "offline", reason: "lost", at: NOW - 10 };
    expect(timeline([end, beginning], asOf([beginning]), NOW)).toMatchObject([{ reason: "lost" }, { reason: null }]);
  });

  it("is in order even if the end of an old connection was recorded late", () => {
    const [newer, end] = events(["online", 100], ["offline", 20]);
    if (newer === undefined || end === undefined) throw new Error("no event");
    expect(timeline([newer, end], asOf([newer]), NOW)).toMatchObject([
      { status: "online", at: NOW - 100 },
      { status: "offline", at: NOW - 100, durationMs: 0 },
    ]);
  });

  it("has at most 200 entries, including one that the registry does not have yet", () => {
    const kept = events(...Array.from({ length: 200 }, (_, i): Step => [i % 2 ? "online" : "offline", i]));
    const back = { ...asOf(kept), status: "online", generation: 1000, reason: null, since: NOW } as const;
    const entries = timeline(kept, back, NOW);
    expect([entries.length, entries[0]?.generation]).toEqual([200, 1000]);
  });

  it("goes back 30 days, and includes the entry that lasted into this time", () => {
    const at = timelineOf(["online", DAY], ["offline", 29 * DAY], ["online", 300 * DAY], ["offline", 301 * DAY]);
    expect(at.map((entry) => entry.durationMs)).toEqual([null, 28 * DAY, 271 * DAY]);
  });
});

describe("uptime", () => {
  it.each<[string, Parameters<typeof timelineOf>, number | null]>([
    ["all day", [["online", 9 * DAY]], 1],
    [
      "an outage within the day",
      [
        ["online", 6 * HOUR],
        ["offline", 12 * HOUR],
        ["online", 9 * DAY],
      ],
      0.75,
    ],
    [
      "an outage that began before it",
      [
        ["online", 12 * HOUR],
        ["offline", 9 * DAY],
      ],
      0.5,
    ],
    [
      "an outage that still lasts",
      [
        ["offline", 6 * HOUR],
        ["online", 9 * DAY],
      ],
      0.75,
    ],
    [
      "only the known time of a new agent",
      [
        ["offline", 1 * HOUR],
        ["online", 4 * HOUR],
      ],
      0.75,
    ],
    ["nothing for an agent that came this moment", [["online", 0]], null],
    [
      "a clock that is ahead",
      [
        ["online", -5 * HOUR],
        ["offline", 8 * HOUR],
        ["online", 16 * HOUR],
      ],
      0.5,
    ],
  ])("counts %s", (_, steps, share) => {
    expect(uptime(timelineOf(...steps), DAY, NOW)).toBe(share);
  });
});

it("an agent flaps as long as its fifth-last transition is younger than ten minutes", () => {
  const until = [null, NOW - 600_000, NOW - 599_999].map((burstAt) => flappingUntil(burstAt, NOW));
  expect(until).toEqual([null, null, NOW + 1]);
});
