import type { Page } from "playwright-core";
import { expect } from "vitest";
import { z } from "zod";
import { test as base } from "./fixtures.ts";
import { RawAgent } from "./raw-agent.ts";

const Tokens = z.array(z.object({ name: z.string().nullable(), status: z.string() }));

/** An operator without a mouse. Every step checks that the focus is on something, and in sight. */
class Keyboard {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.#page.keyboard.press(key);
  }

  async type(text: string): Promise<void> {
    await this.#page.keyboard.type(text);
  }

  /** The name of the element with the focus: its label, or its text. */
  async focused(): Promise<string> {
    return await this.#page.evaluate<string>(`(${nameOf})(document.activeElement)`);
  }

  /** Waits for an element with that name, and presses Tab until it has the focus. */
  async tabTo(name: string | RegExp, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
    await expect.poll(() => this.#stops()).toContainEqual(expect.stringMatching(matcher(name)));
    const passed: string[] = [];
    for (let stops = 0; stops < 80; stops++) {
      await this.press(key);
      const focused = await this.focused();
      if (matcher(name).test(focused)) {
        expect(await this.#isInSight(), `${focused} is in sight`).toBe(true);
        return;
      }
      passed.push(focused);
    }
    throw new Error(`${key} does not reach ${name}, but ${passed.join(" | ").slice(0, 2_000)}`);
  }

  /** Waits until the element with that name has the focus. */
  async untilFocused(name: string | RegExp): Promise<void> {
    await expect.poll(() => this.focused()).toMatch(matcher(name));
  }

  /** Opens a screen by its link in the header, and goes on from its beginning. */
  async open(screen: string): Promise<void> {
    await this.tabTo(screen);
    await this.press("Enter");
    await expect.poll(() => this.#page.evaluate("document.activeElement?.localName")).toBe("main");
    // Its part of the page may have to be loaded first.
    await this.#page.getByRole("heading", { level: 1 }).waitFor();
  }

  /** The names of the elements that can have the focus. */
  #stops(): Promise<string[]> {
    return this.#page.evaluate<string[]>(`
      [...document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")]
        .filter((element) => !element.disabled && element.tabIndex >= 0)
        .map(${nameOf})`);
  }

  /** Whether what is at the middle of the focused element is that element, not a header above it. */
  #isInSight(): Promise<boolean> {
    return this.#page.evaluate<boolean>(`{
      const focused = document.activeElement;
      const { left, top, width, height } = focused.getBoundingClientRect();
      const found = document.elementFromPoint(left + Math.min(width, innerWidth) / 2, top + Math.min(height, 30) / 2);
      found !== null && (focused.contains(found) || found.contains(focused) || found.closest("label") !== null);
    }`);
  }
}

/** Runs in the page. */
const nameOf = `({ ariaLabel, labels, textContent }) =>
  (ariaLabel ?? labels?.[0]?.textContent ?? textContent ?? "").trim()`;

/** What a name has to match: a text is the whole name. */
const matcher = (name: string | RegExp) =>
  typeof name === "string" ? new RegExp(`^${name.replace(/[.*+?^$()[\]{}|\\]/g, "\\$&")}$`) : name;

const test = base
  .extend("keys", async ({ dashboard }) => new Keyboard(dashboard.page))
  .extend("enrol", async ({ lab, manager: _ }, { onCleanup }) => {
    return async (...names: string[]) => {
      const token = await lab.admin.mintToken({ maxUses: names.length });
      const agents = await Promise.all(names.map((hostname) => RawAgent.enrol(lab.url, token, { hostname })));
      onCleanup(() => {
        for (const agent of agents) agent.close();
      });
      return agents;
    };
  });

test("adding an agent, and revoking its token, by keyboard", async ({ lab, dashboard: { page }, keys, enrol }) => {
  await enrol("already");
  await page.getByRole("link", { name: "already" }).waitFor();
  await keys.tabTo("Add agent");
  await keys.press("Enter");
  await page.getByRole("dialog", { name: "Add agent" }).waitFor();
  await keys.untilFocused(/^Name/);
  await keys.type("by-keyboard");
  await keys.press("Enter");
  await page.getByText("Waiting for the host…").waitFor();
  await keys.tabTo("Revoke token");
  await keys.press("Enter");
  await page.getByText("The token is revoked, and no host has used it.").waitFor();
  await keys.press("Escape");
  await keys.untilFocused("Add agent");

  const tokens = Tokens.parse(await lab.admin.call("GET", "/api/admin/tokens"));
  expect(tokens.find(({ name }) => name === "by-keyboard")?.status).toBe("revoked");
});

test("trouble is found, and its agent opened and revoked, by keyboard", async ({ lab, dashboard, keys, enrol }) => {
  const { page } = dashboard;
  await enrol("calm-1", "calm-2");
  const { process } = await lab.startAgent("in-trouble");
  await dashboard.untilStatus("in-trouble", "online");
  process.signal("SIGKILL");
  await dashboard.untilStatus("in-trouble", "offline");

  await keys.tabTo(/^Trouble/);
  await keys.press("Enter");
  await expect.poll(() => page.getByRole("rowheader").count()).toBe(1);
  await keys.tabTo("in-trouble");
  await keys.press("Enter");
  await page.getByRole("region", { name: "in-trouble" }).waitFor();
  await keys.tabTo("Revoke…");
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor();
  await keys.untilFocused("Cancel");
  await keys.tabTo("Revoke agent");
  await keys.press("Enter");
  await page.getByRole("region", { name: "in-trouble" }).getByText("offline · revoked").waitFor();
  // The feed may tell of it before the answer closes the dialog.
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await keys.focused()).not.toBe("");
  // What has had the focus is gone: the page of the agent has it, so Escape closes that page.
  await keys.press("Escape");
  await page.getByRole("region", { name: "in-trouble" }).waitFor({ state: "detached" });
  expect(await page.evaluate("document.activeElement === document.body")).toBe(false);
});

test("an agent is pinged, asked and labelled on its page by keyboard", async ({ lab, dashboard, keys }) => {
  const { page } = dashboard;
  const { process } = await lab.startAgent("asked");
  await dashboard.untilStatus("asked", "online");
  await keys.tabTo("asked");
  await keys.press("Enter");
  const drawer = page.getByRole("region", { name: "asked" });
  await drawer.waitFor();

  await keys.tabTo("Labels…");
  await keys.press("Enter");
  await keys.untilFocused(/^Add a label/);
  await keys.type("env=test");
  await keys.press("Enter");
  await keys.tabTo("Save");
  await keys.press("Enter");
  await drawer.getByText("env=test").waitFor();
  await keys.untilFocused("Labels…");

  await keys.tabTo("Ping");
  await keys.press("Enter");
  await drawer.getByText(/^Answered in [\d.]+ m?s$/).waitFor();
  await keys.tabTo("Subject");
  await keys.press("ControlOrMeta+A");
  await keys.type("test.echo");
  await keys.press("Tab");
  await keys.type('{"n": 1.50}');
  await keys.tabTo("Send request");
  await keys.press("Enter");
  await expect.poll(() => drawer.getByRole("region", { name: "Answer" }).textContent()).toContain("1.50");
  await keys.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await keys.untilFocused("asked");
  await process.stop();
});

test("agents are renamed by a menu's letters, and removed together, by keyboard", async ({
  lab,
  dashboard,
  keys,
  enrol,
}) => {
  const { page } = dashboard;
  await enrol("many-1", "many-2", "many-3");
  for (const name of ["many-1", "many-2", "many-3"]) await dashboard.untilStatus(name, "online");
  await keys.tabTo("Actions for many-1");
  await keys.press("Enter");
  await keys.untilFocused("Details");
  await keys.type("ren");
  await keys.untilFocused("Rename…");
  await keys.press("Enter");
  await keys.untilFocused("Name");
  await keys.type("many-0");
  await keys.press("Enter");
  await page.getByRole("rowheader").getByText("many-0").waitFor();
  await keys.untilFocused("Actions for many-0");

  await keys.tabTo("Select many-0", "Shift+Tab");
  await keys.press("Space", "ArrowDown", "Space");
  await keys.untilFocused("Select many-2");
  await page.getByRole("status").filter({ hasText: "2 selected" }).waitFor();
  await keys.tabTo("Remove…");
  await keys.press("Enter");
  await page.getByRole("dialog", { name: "Remove 2 agents?" }).waitFor();
  await keys.untilFocused("Cancel");
  await keys.tabTo("Remove 2 agents");
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await page.evaluate("document.activeElement === document.body")).toBe(false);
  const names = (await lab.admin.agents()).map(({ name }) => name);
  expect(names).toContain("many-3");
  expect(names).not.toContain("many-2");
});

test("a token is revoked, the audit trail paged, a message published by keyboard", async ({
  lab,
  dashboard: { page },
  keys,
}) => {
  await lab.admin.mintToken({ name: "keyed" });
  // More than a page of entries.
  for (let n = 0; n < 51; n++) await lab.admin.mintToken({ name: `more-${n}` });
  await keys.open("Tokens");
  await page.getByRole("rowheader", { name: "more-50" }).waitFor();
  // Tokens that were made in one millisecond have no order.
  await keys.tabTo(/^Revoke more-/);
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor();
  await keys.untilFocused("Cancel");
  await keys.tabTo("Revoke token");
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await page.evaluate("document.activeElement === document.body")).toBe(false);

  await page.reload();
  await keys.open("Audit");
  await page.getByRole("cell", { name: "Revoked token" }).first().waitFor();
  await page.getByRole("link", { name: "Older" }).focus();
  await keys.press("Enter");
  await expect.poll(() => page.url()).toContain("cursor=");
  await page.getByRole("cell").first().waitFor();
  expect(await page.evaluate("document.activeElement === document.body")).toBe(false);

  await page.reload();
  await keys.open("Publish");
  await keys.tabTo("Subject");
  await keys.type("fleet.announce");
  await keys.tabTo(/^Data/);
  await keys.type('{"text": "hello"}');
  await keys.press("Control+Enter");
  await page.getByText(/^Delivered to/).waitFor();

  await page.reload();
  await keys.open("Settings");
  await keys.tabTo("As the system");
  await keys.press("ArrowRight");
  expect(await page.getByRole("radio", { name: "Light" }).isChecked()).toBe(true);
  await keys.press("ArrowRight");
  expect(await page.getByRole("radio", { name: "Dark" }).isChecked()).toBe(true);
  await keys.tabTo("Log out everywhere…");
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor();
  await keys.untilFocused("Cancel");
  await keys.press("Escape");
  await keys.untilFocused("Log out everywhere…");
});
