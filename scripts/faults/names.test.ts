import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { NameService } from "./name-service.ts";
import { Namespace } from "./namespace.ts";
import { Outage } from "./outage.ts";
import { lastRetryWait } from "./retry-wait.ts";
import { skipIfLacking } from "./skip.ts";
import { BUSY_MS } from "./timing.ts";

const MANAGER = "manager.faults.test";

/** Slightly longer than Go's resolver caches /etc/hosts. */
const NAMES_KEPT_MS = 5_500;

const test = base.extend("names", async ({ skip }, { onCleanup }) => {
  skipIfLacking(skip, await Namespace.lacking("mount", "mount"));
  const names = await NameService.open();
  onCleanup(() => names.close());
  return names;
});

test("the manager's name cannot be resolved: the agent says so, and is back when it can", async ({
  task,
  lab,
  proxy,
  names,
  onTestFinished,
}) => {
  await names.know(MANAGER);
  const managerUrl = `http://${MANAGER}:${new URL(proxy.url).port}`;
  const host = new Host(lab, { managerUrl, launcher: names.launcher });
  onTestFinished(() => host.stop());
  await host.start();
  await expectInvariants(lab, [host]);

  await names.know();
  await pause(NAMES_KEPT_MS);
  const outage = await Outage.begin(task, lab, host, "DNS failure");
  proxy.cut();
  await Promise.all([outage.untilOffline(BUSY_MS), outage.untilNoticed(BUSY_MS)]);
  await outage.untilLogged(/failed=2 .*cannot look up manager\.faults\.test/);

  await names.know(MANAGER);
  outage.end();
  expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.log) + BUSY_MS);
});
