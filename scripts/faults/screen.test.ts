import { Dashboard, launchBrowser } from "../e2e/dashboard.ts";
import { test as base } from "./fixtures.ts";
import { Outage } from "./outage.ts";
import { full, periods, slackMs } from "./timing.ts";

/** The longest time from the lease's end to the screen. */
const TO_SCREEN_MS = 10_000;

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("browser", { scope: "file" }, async ({}, { onCleanup }) => {
  const browser = await launchBrowser();
  onCleanup(() => browser.close());
  return browser;
});

test("a host that falls silent is offline on every screen soon after its lease, and online again when it is back", async ({
  task,
  lab,
  proxy,
  host,
  browser,
}) => {
  const context = await browser.newContext();
  const dashboard = new Dashboard(await context.newPage());
  await dashboard.logIn(lab.url, lab.password);
  await dashboard.untilStatus(host.name, "online");

  const outage = await Outage.begin(task, lab, host, "black hole, both ways, on screen");
  proxy.lose("toManager", "toAgent");
  await dashboard.untilStatus(host.name, "offline", periods.leaseMs + TO_SCREEN_MS + (full ? 0 : slackMs));
  outage.offlineOnScreen();

  proxy.heal();
  outage.end();
  await outage.untilRecovered();
  await dashboard.untilStatus(host.name, "online");
  await context.close();
});
