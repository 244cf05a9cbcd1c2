// Takes docs/images/dashboard.png from a real manager and its dashboard, with invented hosts.
import { inRepository } from "../stack/repository.ts";
import { Dashboard, launchBrowser } from "./dashboard.ts";
import { Lab } from "./lab.ts";
import { type Host, RawAgent } from "./raw-agent.ts";

const hosts: (Host & { hostname: string })[] = [
  { hostname: "edge-ams-1", arch: "amd64", address: "203.0.113.21" },
  { hostname: "edge-ams-2", arch: "amd64", address: "203.0.113.22" },
  { hostname: "edge-sin-1", arch: "arm64", address: "198.51.100.7" },
  { hostname: "nas-office", arch: "arm64", address: "192.0.2.140" },
  { hostname: "build-01", arch: "amd64", address: "2001:db8::4f1a" },
];
const stopped = "nas-office";

const lab = await Lab.open();
const browser = await launchBrowser();
try {
  // Its agents claim the addresses that they are shown with.
  await lab.startManager({ CLIENT_ADDRESS: "cloudflare" });
  const page = await browser.newPage({
    viewport: { width: 1120, height: 600 },
    deviceScaleFactor: 2,
    colorScheme: "light",
  });
  const dashboard = new Dashboard(page);
  await dashboard.logIn(lab.url, lab.password);
  const agents = new Map<string, RawAgent>();
  for (const host of hosts) {
    const token = await lab.admin.mintToken({ name: host.hostname });
    agents.set(host.hostname, await RawAgent.enrol(lab.url, token, host));
  }
  agents.get(stopped)?.close();
  await dashboard.untilStatus(stopped, "offline");
  await dashboard.untilCount(hosts.length - 1, hosts.length);
  // Reloaded, so that no announcement is shown, and without a row under the pointer.
  await page.mouse.move(0, 0);
  await page.reload();
  await dashboard.untilCount(hosts.length - 1, hosts.length);
  await dashboard.untilManager("answers");
  await page.screenshot({ path: inRepository("docs/images/dashboard.png") });
  for (const agent of agents.values()) agent.close();
} finally {
  await browser.close();
  await lab.close();
}
