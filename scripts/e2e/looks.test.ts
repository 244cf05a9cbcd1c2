import type { BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { faults } from "./axe.ts";
import { test as base } from "./fixtures.ts";
import { inventAudit, inventFleet, inventHistory, inventTokens } from "./invented-fleet.ts";
import { StandIn } from "./stand-in.ts";

/** A browser's least size of a target, WCAG 2.2 "Target Size (Minimum)", in px. */
const leastTarget = 24;

const screens = ["agents", "tokens", "audit", "publish", "settings"] as const;

/** Pages of a manager with two dozen agents and some of everything. */
const test = base.extend("open", async ({ browser }, { onCleanup }) => {
  return async (options: BrowserContextOptions, path = "/agents") => {
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    onCleanup(() => context.close());
    const now = Date.now();
    const standIn = new StandIn(inventFleet(now));
    standIn.events = inventHistory(now);
    [standIn.tokens, standIn.audit] = [inventTokens(now), inventAudit(now)];
    await standIn.serve(context);
    const page = await context.newPage();
    await page.goto(standIn.url + path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    const agentPath = `/agents/${standIn.agents.find(({ name }) => name === "edge-ams-2")?.id}`;
    return { page, standIn, agentPath };
  };
});

async function show(page: Page, screen: string): Promise<void> {
  await page.goto(new URL(`/${screen}`, page.url()).href);
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  if (screen === "agents") await page.getByRole("link", { name: "edge-sin-2" }).waitFor();
  if (screen === "tokens") await page.getByRole("rowheader", { name: "shop-madrid" }).waitFor();
  if (screen === "audit") await page.getByText("Revoked agent").last().waitFor();
  if (screen === "settings") await page.getByText("There are none.", { exact: true }).waitFor();
}

/** How much wider than the window the page is, in px. */
const tooWide = (page: Page) => page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");

test.for([
  { zoom: "200 %", width: 640, height: 512 },
  { zoom: "400 %", width: 320, height: 256 },
])(
  "at a zoom of $zoom nothing is cut off, and what stays in the window leaves room",
  async ({ width, height }, { open }) => {
    const { page, agentPath } = await open({ viewport: { width, height } });
    for (const screen of screens) {
      await show(page, screen);
      expect(await tooWide(page), screen).toBeLessThanOrEqual(0);
    }
    await show(page, agentPath.slice(1));
    await page.getByRole("list", { name: "Connection timeline" }).waitFor();
    expect(await tooWide(page)).toBeLessThanOrEqual(0);

    await show(page, "agents");
    await page.getByRole("checkbox", { name: "Select edge-sin-2" }).check();
    await page.getByRole("button", { name: "Actions for kiosk-lobby" }).click();
    const inside = async () => {
      const box = await page.getByRole("menu").boundingBox();
      return box !== null && box.y >= 0 && box.y + Math.min(box.height, height - 20) <= height;
    };
    await expect.poll(inside).toBe(true);
    await page.keyboard.press("End");
    await expect
      .poll(() => page.evaluate("document.activeElement.getBoundingClientRect().bottom"))
      .toBeLessThan(height);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.getByRole("button", { name: "Cancel" }).focus();
    const button = await page.getByRole("button", { name: "Cancel" }).boundingBox();
    expect((button?.y ?? height) + (button?.height ?? 0)).toBeLessThanOrEqual(height);
    await page.keyboard.press("Escape");

    // The rows by keyboard: neither the header nor the bar of the selection lies above the focus.
    await page.getByRole("link", { name: "edge-sin-2" }).focus();
    for (const key of ["ArrowDown", "PageDown", "ArrowDown", "End", "PageUp", "ArrowUp", "Home"]) {
      await page.keyboard.press(key);
      const isFree = page.evaluate<boolean>(`{
      const { left, top, height } = document.activeElement.getBoundingClientRect();
      document.activeElement.contains(document.elementFromPoint(left + 4, top + height / 2));
    }`);
      expect(await isFree, key).toBe(true);
    }
  },
);

test("text and rows follow the size of text that the viewer has set in the browser", async ({ open }) => {
  const { page } = await open({ viewport: { width: 1_200, height: 800 } });
  await show(page, "agents");
  const sizes = () =>
    page.evaluate<
      number[]
    >(`["body", ".agent", ".agent-link", ".badge", ".filters-search", ".agents-sort"].map((name) => {
      const element = document.querySelector(name);
      return name === ".agent" ? element.clientHeight : parseFloat(getComputedStyle(element).fontSize);
    })`);
  const usual = await sizes();
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setFontSizes", { fontSizes: { standard: 24, fixed: 20 } });
  await page.reload();
  await page.getByRole("link", { name: "edge-sin-2" }).waitFor();
  const large = await sizes();

  for (const [n, size] of large.entries()) expect(size, String(n)).toBeGreaterThanOrEqual((usual[n] ?? 0) * 1.45);
  // Rows lie below each other.
  const boxes = await Promise.all([1, 2].map((n) => page.getByRole("row").nth(n).boundingBox()));
  expect(boxes[1]?.y).toBeCloseTo((boxes[0]?.y ?? 0) + (boxes[0]?.height ?? 0), 0);
});

test("on a phone every target is large enough, and the order can be turned round", async ({ open }) => {
  const { page, agentPath } = await open({ viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
  const small = () =>
    page.evaluate<string[]>(`[...document.querySelectorAll("button, a, input, select, summary")].flatMap((target) => {
      const { width, height } = (target.closest("label") ?? target).getBoundingClientRect();
      const isText = target.localName === "a" && getComputedStyle(target).display === "inline";
      const isHidden = width <= 1 || target.hidden || target.checkVisibility() === false;
      // A target that is smaller needs free room around it: its circle of that size touches no other target.
      const isSelect = target.closest(".agents-select") !== null;
      return isText || isHidden || isSelect || Math.min(width, height) >= ${leastTarget} ? [] : [target.outerHTML];
    })`);
  for (const screen of [...screens, agentPath.slice(1)]) {
    await show(page, screen);
    expect(await small(), screen).toEqual([]);
  }

  await show(page, "agents");
  await page.getByRole("combobox", { name: "Sort by" }).selectOption("Name");
  await expect.poll(() => page.getByRole("rowheader").first().textContent()).toContain("build-1");
  await page.getByRole("button", { name: "Ascending order" }).click();
  await expect.poll(() => page.getByRole("rowheader").first().textContent()).toContain("shop-vienna");
  await page.getByRole("button", { name: "Descending order" }).waitFor();
});

test("in forced colours the chosen filter and the present screen differ from the others", async ({ open }) => {
  const { page } = await open({ viewport: { width: 1_200, height: 800 }, forcedColors: "active" });
  await show(page, "agents");
  const style = (role: "button" | "link", name: RegExp, property: string) =>
    page
      .getByRole(role, { name })
      .first()
      .evaluate(
        (element, wanted) => element.ownerDocument.defaultView?.getComputedStyle(element)[wanted as never],
        property,
      );
  expect(await style("button", /^All/, "backgroundColor")).not.toBe(
    await style("button", /^Online/, "backgroundColor"),
  );
  expect(await style("link", /^Agents$/, "borderBottomColor")).not.toBe(
    await style("link", /^Tokens$/, "borderBottomColor"),
  );
});

test.for([
  { look: "light", options: { viewport: { width: 1_200, height: 800 } } },
  { look: "dark", options: { viewport: { width: 1_200, height: 800 }, colorScheme: "dark" } },
  { look: "phone", options: { viewport: { width: 360, height: 780 } } },
  { look: "phone, dark", options: { viewport: { width: 360, height: 780 }, colorScheme: "dark" } },
  { look: "more contrast", options: { viewport: { width: 1_200, height: 800 }, contrast: "more" } },
  {
    look: "more contrast, dark",
    options: { viewport: { width: 1_200, height: 800 }, contrast: "more", colorScheme: "dark" },
  },
] as const)("axe finds nothing wrong with any screen and its dialogs: $look", async ({ options }, { open }) => {
  const { page, agentPath } = await open(options);
  const check = async (what: string) => expect(await faults(page), what).toEqual([]);
  const checkDialog = async (opener: string | RegExp) => {
    await page.getByRole("button", { name: opener }).first().click();
    await page.getByRole("dialog").waitFor();
    await check(String(opener));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  for (const screen of screens) {
    await show(page, screen);
    await check(screen);
  }
  await checkDialog("Log out everywhere…");
  await checkDialog("Drain…");
  await show(page, "tokens");
  await checkDialog("Revoke shop-madrid");

  await show(page, agentPath.slice(1));
  await page.getByRole("list", { name: "Connection timeline" }).waitFor();
  await check("an agent's page");
  for (const opener of ["Rename…", "Labels…", "Rotate token…", "Revoke…", "Remove…"]) await checkDialog(opener);

  await show(page, "agents");
  await page.getByRole("button", { name: "Actions for kiosk-lobby" }).click();
  await page.getByRole("menu").waitFor();
  await check("a menu");
  await page.getByRole("menuitem", { name: /^Give the copy/ }).click();
  await page.getByRole("dialog").waitFor();
  await check("separating a clone");
  await page.keyboard.press("Escape");
  await page
    .getByRole("checkbox", { name: /^Select edge/ })
    .first()
    .check();
  await page.getByRole("button", { name: "Clear selection" }).waitFor();
  await check("a selection");
  await page.getByRole("button", { name: "Add agent" }).click();
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByText(/^Waiting for the/).waitFor();
  await check("a new token");
});
