import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { enrolledId } from "../stack/agent.ts";
import { test } from "./fixtures.ts";
import { untilConnected } from "./lab.ts";

test("after the manager has died, the agent reconnects by itself with the same identity", async ({
  lab,
  manager,
  dashboard,
}) => {
  const { stateDir, log, process } = await lab.startAgent("edge-1");
  await dashboard.untilStatus("edge-1", "online");
  await untilConnected({ log });
  const { id } = await lab.agent("edge-1");
  expect(await enrolledId(stateDir)).toBe(id);

  await manager.kill();
  await expect.poll(() => log.join("\n")).toContain("retrying");
  await dashboard.untilManager("is gone");
  await lab.startManager();
  await dashboard.untilManager("answers");

  expect((await lab.untilStatus("edge-1", "online")).id).toBe(id);
  await dashboard.untilStatus("edge-1", "online");
  await dashboard.untilCount(1, 1);
  await expect.poll(() => log.join("\n")).toContain("msg=reconnected");
  expect(await Promise.race([process.ended, "running"])).toBe("running");
});

test("an agent that is started again needs no token and has the same identity", async ({
  lab,
  manager: _,
  dashboard,
}) => {
  const first = await lab.startAgent("edge-2");
  await untilConnected(first);
  const { id } = await lab.agent("edge-2");
  const token = await readFile(join(first.stateDir, "token"), "utf8");

  first.process.signal("SIGTERM");
  await dashboard.untilStatus("edge-2", "offline");
  expect(await first.process.ended).toBe(0);

  const second = await lab.startAgent("edge-2");
  await dashboard.untilStatus("edge-2", "online");
  expect((await lab.agent("edge-2")).id).toBe(id);
  expect(await readFile(join(second.stateDir, "token"), "utf8")).toBe(token);
});
