import { expect } from "vitest";
import { z } from "zod";
import { test } from "./fixtures.ts";
import { RawAgent } from "./raw-agent.ts";

const Tokens = z.array(z.object({ id: z.string(), status: z.string() }));

test("an operator looks at an agent, pings it and asks it", async ({ lab, manager: _, dashboard }) => {
  const { page } = dashboard;
  const { process } = await lab.startAgent("asked", { subscribe: ["fleet.>"] });
  await dashboard.untilStatus("asked", "online");
  const { id } = await lab.agent("asked");
  await page.getByRole("link", { name: "asked" }).click();
  await page.waitForURL(`**/agents/${id}`);
  const drawer = page.getByRole("region", { name: "asked" });
  await drawer.getByText(id, { exact: true }).waitFor();
  await drawer.getByRole("region", { name: "Subscriptions" }).getByText("fleet.>").waitFor();
  await drawer.getByRole("img", { name: /^Last 24 hours: 100% online, 0 outages/ }).waitFor();
  await drawer
    .getByText(/^–?\d[\d.]* m?s$/)
    .first()
    .waitFor();

  await drawer.getByRole("button", { name: "Ping" }).click();
  await drawer.getByText(/^Answered in [\d.]+ m?s$/).waitFor();

  const sent = '{"big": 9007199254740993, "float": 1.50, "huge": 1e400}';
  await drawer.getByLabel("Subject").fill("test.echo");
  await drawer.getByLabel("Data").fill(sent);
  await drawer.getByRole("button", { name: "Send request" }).press("Enter");
  const answer = drawer.getByRole("region", { name: "Answer" });
  await expect
    .poll(() => answer.textContent())
    .toBe('{\n  "big": 9007199254740993,\n  "float": 1.50,\n  "huge": 1e400\n}');

  await drawer.getByLabel("Subject").fill("nobody.home");
  await drawer.getByRole("button", { name: "Send request" }).press("Enter");
  await drawer.getByText(/it does not answer this subject/).waitFor();

  process.signal("SIGTERM");
  await process.ended;
  await drawer.getByText("offline · stopped").first().waitFor();
  await drawer.getByText("Close code 1000: The agent was stopped.").waitFor();
  await drawer.getByText("None: the agent is not connected.").waitFor();
});

test("an operator renames and removes an agent by keyboard alone", async ({ lab, manager: _, dashboard }) => {
  const { page } = dashboard;
  const { process } = await lab.startAgent("keyed");
  await dashboard.untilStatus("keyed", "online");
  const { id } = await lab.agent("keyed");
  await page.getByRole("link", { name: "keyed" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "keyed" }).waitFor();
  const focused = page.locator(":focus");
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focused.textContent()) === name) return;
    }
    throw new Error(`Tab does not reach ${name}`);
  };

  await tabTo("Rename…");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Rename agent" }).waitFor();
  await page.keyboard.type("by-hand");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "by-hand" }).waitFor();
  expect((await lab.agent("by-hand")).id).toBe(id);
  // The feed may tell of it before the answer closes the dialog.
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await focused.textContent()).toBe("Rename…");

  await tabTo("Remove…");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Remove this agent?" });
  await dialog.getByText(id, { exact: true }).waitFor();
  await page.keyboard.type(id.slice(0, 8));
  await page.keyboard.press("Enter");
  await page.getByRole("rowheader").getByText("by-hand").waitFor({ state: "detached" });
  await page.waitForURL("**/agents");
  await dialog.waitFor({ state: "detached" });
  expect(await focused.textContent()).toBe("Agents");
  expect(await lab.admin.agent(id)).toBeUndefined();
  await process.stop();
});

test("adding an agent waits for the host of its own token, though another host comes first", async ({
  lab,
  manager: _,
  dashboard,
}) => {
  const { page } = dashboard;
  await page.getByRole("button", { name: "Add agent" }).click();
  const dialog = page.getByRole("dialog", { name: "Add agent" });
  await dialog.getByLabel("Name").fill("mine");
  await dialog.getByRole("button", { name: "Create token" }).click();
  const token = await dialog.getByText(/^eyJ/).textContent();
  const status = dialog.getByRole("status");
  await dialog.getByText(/^This token is for one host, and valid for (1h|59m)/).waitFor();

  const stranger = await lab.startAgent("stranger");
  await dashboard.untilArrival("stranger");
  // Longer than it takes to read the token again.
  await page.waitForTimeout(2_000);
  expect(await status.textContent()).toBe("Waiting for the host…");

  const another = await lab.admin.mintToken({ name: "at-once" });
  const [mine, other] = await Promise.all([
    RawAgent.enrol(lab.url, token ?? "", { hostname: "host-of-mine" }),
    RawAgent.enrol(lab.url, another),
  ]);
  await expect.poll(() => status.textContent()).toBe("The host is online ✓");
  const item = dialog.getByRole("listitem").filter({ hasText: "host-of-mine" });
  await item.getByRole("link", { name: "mine" }).waitFor();
  await expect.poll(() => dialog.getByRole("link").count()).toBe(1);

  other.close();
  mine.close();
  await expect.poll(() => status.textContent()).toBe("The host has enrolled, but is not online.");
  await item.getByRole("link", { name: "mine" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("heading", { name: "mine" }).waitFor();
  await stranger.process.stop();
});

test("a token is revoked where it was made", async ({ lab, manager: _, dashboard }) => {
  const { page } = dashboard;
  await page.getByRole("button", { name: "Add agent" }).click();
  const dialog = page.getByRole("dialog", { name: "Add agent" });
  await dialog.getByLabel("Number of hosts").fill("3");
  await dialog.getByRole("button", { name: "Create token" }).click();
  await dialog.getByText(/^This token is for 3 hosts/).waitFor();
  await dialog.getByRole("button", { name: "Revoke token" }).click();
  await expect
    .poll(() => dialog.getByRole("status").textContent())
    .toBe("The token is revoked, and no host has used it.");
  const [newest] = Tokens.parse(await lab.admin.call("GET", "/api/admin/tokens"));
  expect(newest?.status).toBe("revoked");
});
