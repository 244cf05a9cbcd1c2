import { expect, it } from "vitest";
import { Alarm } from "./alarm.ts";

/** An alarm with a fake storage that records the times that were set. */
function alarmAt(at: number | null) {
  const set: number[] = [];
  const storage = {
    getAlarm: async () => at,
    setAlarm: async (time: number) => {
      set.push(time);
    },
  };
  return { alarm: new Alarm(storage, () => {}), set };
}

it("is set to the earliest requested time", () => {
  const { alarm, set } = alarmAt(null);
  expect(alarm.isSet).toBe(false);
  for (const at of [500, 900, 300, 300, 400]) alarm.ringBy(at);
  expect(alarm.isSet).toBe(true);
  expect(set).toEqual([500, 300]);
});

it("knows the alarm that was set before the object was loaded", async () => {
  const { alarm, set } = alarmAt(500);
  await alarm.load();
  expect(alarm.isSet).toBe(true);
  alarm.ringBy(600);
  expect(set).toEqual([]);
  alarm.ringBy(400);
  expect(set).toEqual([400]);
});

it("is not set after it has rung", () => {
  const { alarm, set } = alarmAt(null);
  alarm.ringBy(500);
  alarm.rang();
  expect(alarm.isSet).toBe(false);
  alarm.ringBy(900);
  expect(set).toEqual([500, 900]);
});
