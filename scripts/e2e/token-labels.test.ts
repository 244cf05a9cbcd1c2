import { expect } from "vitest";
import { faults } from "./axe.ts";
import { test } from "./fixtures.ts";

test("a token gives its host labels, tells of a host that it refused, and a message reaches the agents of a label", async ({
  lab,
  manager: _,
  dashboard,
}) => {
  const { page } = dashboard;
  const other = await lab.startAgent("other", { subscribe: ["fleet.>"] });
  await dashboard.untilCount(1, 1);

  await page.getByRole("button", { name: "Add agent" }).click();
  const dialog = page.getByRole("dialog", { name: "Add agent" });
  await dialog.getByLabel("Name").fill("mine");
  await dialog.getByRole("combobox", { name: /^Labels/ }).fill("env=prod");
  await page.keyboard.press("Enter");
  await dialog.getByRole("combobox", { name: /^Labels/ }).fill("edge");
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Create token" }).click();
  const token = (await dialog.getByText(/^eyJ/).textContent()) ?? "";

  const mine = await lab.startAgent("mine", { token, subscribe: ["fleet.>"] });
  const status = dialog.getByRole("status");
  await expect.poll(() => status.textContent(), { timeout: 60_000 }).toBe("The host is online ✓");
  const { id } = await lab.agent("mine");
  expect(await lab.admin.call("GET", `/api/agents/${id}`)).toMatchObject({ labels: ["edge", "env=prod"] });

  // The same token on another host: its agent says why it stops, and so does the page.
  const late = await lab.startAgent("late", { token });
  expect(await late.process.ended).not.toBe(0);
  expect(late.log.join("\n")).toContain("enrolment_used");
  await dialog
    .getByText(/A host was refused at .*: the token has been used by as many hosts as it is for\./)
    .waitFor({ timeout: 30_000 });
  expect(await faults(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Done" }).click();

  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "mine" }) });
  await row.getByText("env=prod").waitFor();
  await row.getByText(/refused .*/).waitFor();
  expect(await faults(page)).toEqual([]);

  await page.getByRole("link", { name: "Publish", exact: true }).click();
  await page.getByRole("checkbox", { name: /^Show what anybody publishes/ }).check();
  await page.getByLabel("Subject").fill("fleet.announce");
  const data = '{"n": 12345678901234567890, "x": 1.0}';
  await page.getByLabel(/^Data/).fill(data);
  const send = async () => {
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    return page.getByText(/^Delivered to/).textContent();
  };
  // Subscriptions reach the manager a moment after the agents are online.
  await expect.poll(send, { timeout: 60_000 }).toBe("Delivered to 2 subscribers.");
  await page.getByRole("combobox", { name: /^Only agents/ }).fill("env=prod");
  await expect.poll(send).toBe("Delivered to 1 subscriber.");
  await page.getByRole("table", { name: "Live" }).getByText(data).first().waitFor();
  expect(await faults(page)).toEqual([]);
  await Promise.all([mine.process.stop(), other.process.stop()]);
});
