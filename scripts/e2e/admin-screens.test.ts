import type { Page } from "playwright-core";
import { expect } from "vitest";
import { z } from "zod";
import { faults } from "./axe.ts";
import { Dashboard } from "./dashboard.ts";
import { test } from "./fixtures.ts";

/** An absence of 10 s is no loss, and losses within 3 s are announced together. */
const ANNOUNCED_WITHIN_MS = 20_000;

const Tokens = z.array(z.object({ name: z.string().nullable(), status: z.string() }));
const Subscriptions = z.object({ patterns: z.array(z.string()) });

async function open(page: Page, screen: string): Promise<void> {
  await page.getByRole("link", { name: screen, exact: true }).click();
  await page.getByRole("heading", { level: 1 }).and(page.locator(":not(:text('Agents'))")).waitFor();
}

test("an operator revokes an enrolment token", async ({ lab, manager: _, dashboard: { page } }) => {
  await lab.admin.mintToken({ name: "rack 4", maxUses: 5 });
  await open(page, "Tokens");
  const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "rack 4" }) });
  await row.getByText("0 of 5").waitFor();
  await row.getByRole("button", { name: "Revoke rack 4" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke token" }).click();

  await row.getByText("revoked", { exact: true }).waitFor();
  const tokens = Tokens.parse(await lab.admin.call("GET", "/api/admin/tokens"));
  expect(tokens.find(({ name }) => name === "rack 4")?.status).toBe("revoked");
});

test("the audit trail is filtered by agent and by action", async ({ lab, manager: _, dashboard: { page } }) => {
  const { process } = await lab.startAgent("before");
  const { id } = await lab.untilStatus("before", "online");
  await lab.admin.call("PATCH", `/api/agents/${id}`, JSON.stringify({ name: "after" }));
  await lab.admin.call("POST", `/api/agents/${id}/revoke`);
  await open(page, "Audit");
  const rows = page.getByRole("table", { name: "Audit" }).getByRole("row");

  await rows.getByRole("link", { name: "after" }).first().waitFor();
  await page.getByLabel("Agent or id").fill("after");
  await page.keyboard.press("Enter");
  await expect.poll(() => rows.count()).toBe(3);
  await page.getByRole("combobox", { name: "Action" }).selectOption("Renamed agent");
  await expect.poll(() => rows.count()).toBe(2);
  await rows.nth(1).getByText("Name after").waitFor();
  // The URL follows a moment after the rows.
  await expect.poll(() => new URL(page.url()).search).toBe(`?target=${id}&action=agent.rename`);
  await page.reload();
  await expect.poll(() => rows.count()).toBe(2);

  await rows.nth(1).getByRole("link", { name: "after" }).click();
  await expect.poll(() => page.url()).toContain(`/agents/${id}`);
  await process.stop();
});

test("a message reaches the agent that subscribes to it, as it was typed", async ({ lab, manager: _, dashboard }) => {
  const { page } = dashboard;
  const { process } = await lab.startAgent("listener", { subscribe: ["fleet.>"] });
  const { id } = await lab.untilStatus("listener", "online");
  const patterns = async () =>
    Subscriptions.parse(await lab.admin.call("GET", `/api/agents/${id}/subscriptions`)).patterns;
  await expect.poll(patterns).toEqual(["fleet.>"]);
  await open(page, "Publish");

  await page.getByRole("checkbox", { name: /^Show what anybody publishes/ }).check();
  await page.getByLabel("Subject").fill("fleet.announce");
  await page.getByLabel(/^Data/).fill('{"n": 12345678901234567890}');
  await page.getByLabel(/^Data/).press("Control+Enter");
  await page.getByText("Delivered to 1 subscriber.").waitFor();
  await page.getByRole("table", { name: "Live" }).getByText("fleet.announce").waitFor();

  await page.getByLabel("Subject").fill("presence.x");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("Only agents and the manager may use this subject.").waitFor();
  await page.getByLabel("Subject").fill("fleet announce");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("This is not a subject.").waitFor();
  await process.stop();
});

test("a drain tells the agents, and they come back", async ({ lab, manager: _, dashboard: { page } }) => {
  const { process } = await lab.startAgent("drained");
  const { connectedAt } = await lab.untilStatus("drained", "online");
  await open(page, "Settings");
  await page.getByRole("button", { name: "Drain…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();

  await page.getByText("1 agent was told to come back.").waitFor();
  await expect
    .poll(async () => (await lab.agent("drained")).connectedAt, { timeout: 30_000 })
    .toBeGreaterThan(connectedAt ?? 0);
  await lab.untilStatus("drained", "online");
  await process.stop();
});

test("every session ends, on other machines too", async ({ lab, manager: _, browser, dashboard: { page } }) => {
  const other = await browser.newContext();
  const elsewhere = new Dashboard(await other.newPage());
  await elsewhere.logIn(lab.url, lab.password);
  await open(page, "Settings");
  await page.getByRole("button", { name: "Log out everywhere…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Log out everywhere" }).click();

  await page.getByLabel("Password").waitFor();
  // The feed may end before the answer comes. Until then, the log-in lies over the page.
  await page.getByRole("heading", { name: "Settings" }).waitFor({ state: "detached" });
  await elsewhere.page.getByText("The session is over.").waitFor();
  await other.close();
});

test("the chosen theme is there before the page is, whatever the system's is", async ({ manager: _, dashboard }) => {
  const { page } = dashboard;
  await page.emulateMedia({ colorScheme: "light" });
  const scheme = () => page.evaluate<string>("getComputedStyle(document.documentElement).colorScheme");
  await open(page, "Settings");
  await page.getByRole("radio", { name: "Dark" }).check();
  expect(await scheme()).toBe("dark");
  const dark = await page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");

  // Without the page's own script, only what comes before it is there.
  await page.route(/\/assets\/index-.*\.js$/, (route) => route.abort());
  await page.reload();
  expect(await scheme()).toBe("dark");
  expect(await page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor")).toBe(dark);
});

test("an agent that is lost is announced, and one that was stopped is not", async ({ lab, manager: _, dashboard }) => {
  const { page } = dashboard;
  const blocked: string[] = [];
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) blocked.push(message.text());
  });
  const [lost, stopped] = [await lab.startAgent("lost"), await lab.startAgent("stopped")];
  for (const name of ["lost", "stopped"]) await dashboard.untilStatus(name, "online");
  // Playwright shows every page as visible.
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));`);
  stopped.process.signal("SIGTERM");
  lost.process.signal("SIGKILL");

  const announcement = page.getByRole("status").filter({ hasText: "Agent lost" });
  await announcement.getByRole("link", { name: "lost", exact: true }).waitFor({ timeout: ANNOUNCED_WITHIN_MS });
  expect(await announcement.textContent()).not.toContain("stopped");
  expect(await page.title()).toBe("(1) Agents · ZedOps");
  const icon = await page.locator('link[rel="icon"]').getAttribute("href");
  expect((await page.request.get(new URL(icon ?? "", lab.url).href)).headers()["content-type"]).toBe("image/svg+xml");

  await page.evaluate(`
    delete document.visibilityState;
    document.dispatchEvent(new Event("visibilitychange"));`);
  await expect.poll(() => page.title()).toBe("Agents · ZedOps");
  expect(blocked).toEqual([]);
});

test.for([
  { look: "light", width: 1200, dark: false },
  { look: "dark", width: 1200, dark: true },
  { look: "phone", width: 360, dark: false },
  { look: "phone, dark", width: 360, dark: true },
] as const)(
  "axe finds nothing wrong with the screens: $look",
  async ({ width, dark }, { lab, manager: _, dashboard }) => {
    const { page } = dashboard;
    await lab.admin.mintToken({ name: "a token" });
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
    for (const [screen, ready] of [
      ["Tokens", page.getByRole("button", { name: "Revoke a token" }).first()],
      ["Audit", page.getByRole("cell", { name: "Created token" }).first()],
      ["Publish", page.getByLabel("Subject")],
      ["Settings", page.getByText("There are none.", { exact: true })],
    ] as const) {
      await open(page, screen);
      await ready.waitFor();
      expect(await faults(page), screen).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth"), screen).toBeLessThanOrEqual(width);
    }
  },
);
