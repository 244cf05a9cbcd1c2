import { expect } from "vitest";
import { test } from "./fixtures.ts";
import { RawAgent } from "./raw-agent.ts";

test("agents are labelled in bulk, a click on a label filters by it, and a reload keeps the filter", async ({
  lab,
  manager: _,
  dashboard,
}) => {
  const { page } = dashboard;
  const token = await lab.admin.mintToken({ maxUses: 3, labels: ["edge"] });
  const hosts = ["ams-1", "ams-2", "fra-1"];
  const agents = await Promise.all(hosts.map((hostname) => RawAgent.enrol(lab.url, token, { hostname })));
  for (const name of hosts) await dashboard.untilStatus(name, "online");
  const rows = () => page.getByRole("rowheader").getByRole("link").allTextContents();

  for (const name of ["ams-1", "ams-2"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("button", { name: "Labels…" }).click();
  await page.getByRole("dialog", { name: "Labels of 2 agents" }).getByText("all", { exact: true }).waitFor();
  await page.getByRole("combobox", { name: /^Add a label/ }).fill("site=ams");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove edge" }).click();
  await page.getByRole("button", { name: "Label 2 agents" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await page.getByRole("button", { name: "site=ams" }).first().click();
  await expect.poll(rows).toEqual(["ams-1", "ams-2"]);
  await expect.poll(() => new URL(page.url()).search).toBe("?label=site%3Dams");
  await page.reload();
  await page.getByRole("button", { name: "Remove the filter site=ams" }).waitFor();
  await expect.poll(rows).toEqual(["ams-1", "ams-2"]);

  // Another operator gives the third one the label, and the page shows it.
  const all = (await lab.admin.agents()).map(({ id }) => id);
  const body = { action: "label", ids: all, add: ["site=ams"] };
  await lab.admin.call("POST", "/api/agents/bulk", JSON.stringify(body));
  await expect.poll(rows).toEqual(hosts);
  await page.getByRole("button", { name: "Remove the filter site=ams" }).click();
  await expect.poll(() => page.getByRole("button", { name: "edge", exact: true }).count()).toBe(1);
  for (const agent of agents) agent.close();
});
