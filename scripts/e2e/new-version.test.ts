import type { Page } from "playwright-core";
import { expect } from "vitest";
import { faults } from "./axe.ts";
import { test } from "./fixtures.ts";

const html = (page: Page) => page.evaluate<string>("fetch('/').then((response) => response.text())");

/** The manager has another build from now on: its HTML names other files, and the scripts of this page are gone. */
async function deploy(page: Page): Promise<void> {
  const newer = (await html(page)).replaceAll(/\/assets\/index-[\w-]+\./g, "/assets/index-another.");
  const body = { contentType: "text/html", body: newer };
  await page.route(
    (url) => url.pathname === "/",
    (route) => route.fulfill(body),
  );
  await page.route(/\/assets\/.*\.js$/, (route) => route.fulfill(body));
}

test("an open page says that there is a new version, and keeps what was typed until the operator reloads", async ({
  lab,
  manager,
  dashboard,
}) => {
  const { page } = dashboard;
  await page.getByRole("button", { name: "Add agent" }).waitFor();
  await page.getByRole("link", { name: "Publish", exact: true }).click();
  await page.getByLabel("Subject").fill("fleet.typed");
  await deploy(page);

  // A part of the page that was not loaded yet is gone.
  await page.getByRole("link", { name: "Agents", exact: true }).click();
  await page.getByRole("button", { name: "Add agent" }).click();
  await page.getByText("This part of the page could not be loaded.").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("heading", { name: "Agents", exact: true }).waitFor();
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  await page.getByText("The manager has a new version, or cannot be reached.").waitFor();

  await page.unrouteAll();
  await page.getByRole("main").getByRole("button", { name: "Reload" }).click();
  await page.getByRole("heading", { name: "Audit" }).waitFor();

  // The manager is started again with the new version, so the page reads the list again.
  await page.getByRole("link", { name: "Publish", exact: true }).click();
  await page.getByLabel("Subject").fill("fleet.typed");
  await page.getByLabel(/^Data/).fill("1");
  await deploy(page);
  await manager.stop();
  await lab.startManager();
  await page.getByText("A new version of the dashboard is here.").waitFor({ timeout: 60_000 });
  expect(await page.getByLabel("Subject").inputValue()).toBe("fleet.typed");
  expect(await faults(page)).toEqual([]);
  await page.unrouteAll();
  await page.getByRole("status").getByRole("button", { name: "Reload" }).click();
  await expect.poll(() => page.getByLabel("Subject").inputValue()).toBe("");
  expect(await page.getByText("A new version").count()).toBe(0);
});
