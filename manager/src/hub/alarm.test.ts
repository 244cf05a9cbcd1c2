import { expect, it } from "vitest";
import { Alarm } from "./alarm.ts";

/** An alarm over a storage that remembers what it was told. */
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

it("the earliest time that anybody asks for wins", () => {
  const { alarm, set } = alarmAt(null);
  expect(alarm.isSet).toBe(false);
  for (const at of [500, 900, 300, 300, 400]) alarm.by(at);
  expect(alarm.isSet).toBe(true);
  expect(set).toEqual([500, 300]);
});

it("an alarm that was set before the object was loaded counts", async () => {
  const { alarm, set } = alarmAt(500);
  await alarm.load();
  expect(alarm.isSet).toBe(true);
  alarm.by(600);
  expect(set).toEqual([]);
  alarm.by(400);
  expect(set).toEqual([400]);
});

it("none is set any more once it has rung", () => {
  const { alarm, set } = alarmAt(null);
  alarm.by(500);
  alarm.rang();
  expect(alarm.isSet).toBe(false);
  alarm.by(900);
  expect(set).toEqual([500, 900]);
});
