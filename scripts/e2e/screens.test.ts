import type { Page } from "playwright-core";
import { expect } from "vitest";
import { faults } from "./axe.ts";
import { firstScreenBytes } from "./first-screen.ts";
import { test as base } from "./fixtures.ts";
import { inventAgents, StandIn } from "./stand-in.ts";

const crowd = 10_000;
const mostElements = 2_000;
const mostScriptBytes = 45_000;

/** More than a row has room for, in any width. */
const manyLabels = ["a-long-key/without-a-value", "env=prod", "site=amsterdam-east-2", "team=خادم"];

/** Pages of a manager that has ten thousand agents, in windows of this size and scheme. */
const test = base.extend("open", async ({ browser }, { onCleanup }) => {
  return async (
    options: {
      width?: number;
      height?: number;
      dark?: boolean;
      agents?: number;
      labels?: string[];
      path?: string;
    } = {},
  ) => {
    const { width = 1200, height = 800, dark = false, agents = crowd, labels = [], path = "/agents" } = options;
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      reducedMotion: "reduce",
    });
    onCleanup(() => context.close());
    const standIn = new StandIn(inventAgents(agents).map((agent) => ({ ...agent, labels })));
    await standIn.serve(context);
    const page = await context.newPage();
    await page.goto(standIn.url + path);
    await page.getByText("Live", { exact: true }).waitFor();
    return { page, standIn };
  };
});

/** The name of the element with the focus. */
const focused = (page: Page) =>
  page.evaluate<string>("document.activeElement?.ariaLabel ?? document.activeElement?.textContent.trim()");

/** Which row has the focus, from 0. */
const rowOfFocus = (page: Page) => page.evaluate<number>("document.activeElement.closest('tr')?.ariaRowIndex - 2");

/** Whether the element with the focus is neither below the head of the table nor outside the window. */
const isFocusInSight = (page: Page) =>
  page.evaluate<boolean>(`
    const { top, bottom } = document.activeElement.getBoundingClientRect();
    top >= document.querySelector("thead").getBoundingClientRect().bottom - 1 && bottom <= innerHeight`);

test("with ten thousand agents the page makes few rows, wherever it is scrolled to", async ({ open }) => {
  const { page } = await open();
  const elements = () => page.evaluate<number>("document.querySelectorAll('*').length");
  expect(await elements()).toBeLessThanOrEqual(mostElements);

  // A row that is gone again at once has cost time too.
  await page.evaluate(`
    made = 0;
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) made += addedNodes.length;
    }).observe(document.querySelector("tbody"), { childList: true })`);
  for (const [key, row] of [
    ["End", crowd - 1],
    ["Home", 0],
  ] as const) {
    await page.keyboard.press(key);
    await page.locator(`[aria-rowindex="${row + 2}"]`).waitFor();
    expect(await elements()).toBeLessThanOrEqual(mostElements);
  }
  expect(await page.evaluate<number>("made")).toBeLessThanOrEqual(crowd / 10);
});

test("the scripts of the first screen are small", async () => {
  expect(await firstScreenBytes()).toBeLessThanOrEqual(mostScriptBytes);
});

test.for([
  { look: "light", width: 1200, dark: false },
  { look: "dark", width: 1200, dark: true },
  { look: "phone", width: 360, dark: false },
  { look: "phone, dark", width: 360, dark: true },
] as const)("axe finds nothing wrong with the agents: $look", async ({ width, dark }, { open }) => {
  const { page } = await open({ width, dark, agents: 200 });
  expect(await faults(page)).toEqual([]);

  await page
    .getByRole("button", { name: /^Actions for/ })
    .first()
    .click();
  await page.getByRole("menu").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("menuitem", { name: "Remove…" }).click();
  await page.getByRole("dialog").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  await page
    .getByRole("checkbox", { name: /^Select edge/ })
    .first()
    .check();
  await page.getByRole("button", { name: "Remove…" }).click();
  await page.getByRole("dialog", { name: "Remove 1 agent?" }).waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: /^Online/ }).click();
  await page.getByRole("rowheader").first().getByRole("link").click();
  await page.getByRole("region", { name: /^edge/ }).waitFor();
  await page.getByRole("list", { name: "Connection timeline" }).waitFor();
  await page.getByText("fleet.>").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Add agent" }).click();
  await page.getByRole("dialog", { name: "Add agent" }).waitFor();
  expect(await faults(page)).toEqual([]);
});

test.for([
  { look: "light", width: 1200, dark: false },
  { look: "phone, dark", width: 360, dark: true },
] as const)("axe finds nothing wrong with labels and their dialogs: $look", async ({ width, dark }, { open }) => {
  const { page } = await open({ width, dark, agents: 200, labels: manyLabels });
  await page.getByRole("button", { name: "env=prod" }).first().click();
  await page.getByRole("button", { name: "Remove the filter env=prod" }).waitFor();
  expect(await faults(page)).toEqual([]);
  await page
    .getByRole("button", { name: /^2 more labels of/ })
    .first()
    .click();
  await page.getByRole("menuitem", { name: "team=خادم" }).waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  await page
    .getByRole("checkbox", { name: /^Select edge/ })
    .first()
    .check();
  await page.getByRole("button", { name: "Labels…" }).click();
  await page.getByRole("combobox", { name: /^Add a label/ }).fill("-");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove env" }).click();
  expect(await faults(page)).toEqual([]);
});

test.for([320, 761, 1_101])(
  "nothing is wider than a window of %d px, and no label higher than its row",
  async (width, { open }) => {
    const { page } = await open({ width, agents: 200, labels: manyLabels });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    const row = await page.getByRole("row").nth(1).boundingBox();
    const more = await page
      .getByRole("row")
      .nth(1)
      .getByRole("button", { name: /more labels/ })
      .boundingBox();
    expect((more?.y ?? 0) + (more?.height ?? 0)).toBeLessThanOrEqual((row?.y ?? 0) + (row?.height ?? 0));
  },
);

test("browsers take the rows for a table, with the number of all rows", async ({ open }) => {
  const { page } = await open();
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const roles = new Map<unknown, number>();
  for (const { ignored, role } of nodes) if (!ignored) roles.set(role?.value, (roles.get(role?.value) ?? 0) + 1);
  expect(roles.get("table")).toBe(1);
  expect(roles.get("columnheader")).toBe(7);
  expect(roles.get("row")).toBeGreaterThan(10);
  expect(roles.get("rowheader")).toBe((roles.get("row") ?? 0) - 1);
  expect(await page.getByRole("table").getAttribute("aria-rowcount")).toBe(String(crowd + 1));
});

test("the keyboard alone reaches the rows, their menus and pages, and its focus is always in sight", async ({
  open,
}) => {
  const { page } = await open();
  const { keyboard } = page;
  await page
    .getByRole("checkbox", { name: /^Select edge/ })
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Address", exact: true }).focus();
  await keyboard.press("Tab");
  await expect.poll(() => focused(page)).toMatch(/^Select edge/);
  // Fifty rows with three stops each: the rows come as the focus goes on.
  for (let stop = 0; stop < 150; stop++) await keyboard.press("Tab");
  expect(await focused(page)).toMatch(/^Select edge/);
  expect(await isFocusInSight(page)).toBe(true);
  for (let stop = 0; stop < 60; stop++) {
    await keyboard.press("Shift+Tab");
    expect(await isFocusInSight(page)).toBe(true);
  }

  await keyboard.press("Tab");
  await keyboard.press("Tab");
  const menu = await focused(page);
  await keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  expect(await focused(page)).toBe("Details");
  await keyboard.press("End");
  await keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  expect(await page.locator(":focus").getAttribute("type")).toBe("text");
  await keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await focused(page)).toBe(menu);

  await keyboard.press("Shift+Tab");
  const name = await focused(page);
  await keyboard.press("Enter");
  await page.getByRole("region", { name }).waitFor();
  await keyboard.press("Escape");
  await page.getByRole("region", { name }).waitFor({ state: "detached" });
  expect(await focused(page)).toBe(name);
});

test("Tab goes from row to row faster than the browser tells that the page was scrolled", async ({ open }) => {
  const { page } = await open();
  await page
    .getByRole("checkbox", { name: /^Select edge/ })
    .first()
    .focus();
  // A listener at the window that captures is called before those of the page.
  await page.evaluate(`addEventListener("scroll", (event) => event.stopImmediatePropagation(), { capture: true })`);
  for (let stop = 0; stop < 150; stop++) await page.keyboard.press("Tab");
  expect(await rowOfFocus(page)).toBe(50);
  expect(await isFocusInSight(page)).toBe(true);
  for (let stop = 0; stop < 75; stop++) await page.keyboard.press("Shift+Tab");
  expect(await rowOfFocus(page)).toBe(25);
  expect(await isFocusInSight(page)).toBe(true);
});

test("Tab goes on from a row that was scrolled away", async ({ open }) => {
  const { page } = await open();
  const rows = page.getByRole("checkbox", { name: /^Select edge/ });
  await rows.nth(3).focus();
  for (const [key, row] of [
    ["Tab", 4],
    ["Shift+Tab", 3],
  ] as const) {
    await page.mouse.move(600, 500);
    await page.mouse.wheel(0, 100_000);
    await expect.poll(() => isFocusInSight(page)).toBe(false);
    for (let stop = 0; stop < 3; stop++) await page.keyboard.press(key);
    expect(await rowOfFocus(page)).toBe(row);
    expect(await isFocusInSight(page)).toBe(true);
  }
});

test("the focus and an open menu stay when their row is scrolled away", async ({ open }) => {
  const { page } = await open();
  const button = page.getByRole("button", { name: /^Actions for/ }).nth(3);
  const name = (await button.getAttribute("aria-label")) ?? "";
  await button.focus();
  await page.mouse.move(600, 500);
  await page.mouse.wheel(0, 100_000);
  await page
    .getByRole("rowheader", { name: /^edge-\w+-\d{4}/ })
    .first()
    .waitFor();
  expect(await focused(page)).toBe(name);
});

test("filter, search, order, selection and the open agent are in the URL: a reload and back keep them", async ({
  open,
}) => {
  const { page } = await open();
  await page.getByRole("button", { name: /^Trouble/ }).click();
  await page.getByRole("searchbox").fill("SIN");
  await page.getByRole("button", { name: "Last seen" }).click();
  const names = () => page.getByRole("rowheader").allTextContents();
  const first = (await names())[0] ?? "";
  expect(first).toContain("-sin-");
  await page
    .getByRole("checkbox", { name: /^Select edge/ })
    .nth(1)
    .check();
  await page.getByRole("rowheader").first().getByRole("link").click();
  await page.getByRole("region", { name: /^edge-sin/ }).waitFor();

  await page.reload();
  await page.getByRole("region", { name: /^edge-sin/ }).waitFor();
  expect((await names())[0]).toBe(first);
  expect(await page.getByRole("searchbox").inputValue()).toBe("SIN");
  expect(
    await page
      .getByRole("checkbox", { name: /^Select edge/ })
      .nth(1)
      .isChecked(),
  ).toBe(true);
  expect(await page.getByRole("button", { name: /^Trouble/ }).getAttribute("aria-pressed")).toBe("true");
  expect(await page.getByRole("columnheader", { name: "Last seen" }).getAttribute("aria-sort")).toBe("ascending");

  await page.goBack();
  await page.getByRole("region", { name: /^edge-sin/ }).waitFor({ state: "detached" });
  expect((await names())[0]).toBe(first);
});

test("a reload right after a filter was chosen keeps it", async ({ open }) => {
  const { page } = await open();
  await page.getByRole("button", { name: /^Trouble/ }).click();
  await page.reload();
  await page.locator("button[aria-pressed=true]", { hasText: "Trouble" }).waitFor();
});

test("a menu at the foot of the window opens upwards, and is all in sight", async ({ open }) => {
  const { page } = await open();
  const buttons = page.getByRole("button", { name: /^Actions for/ });
  let lowest = 0;
  for (let at = 0; at < (await buttons.count()); at++) {
    const box = await buttons.nth(at).boundingBox();
    if (box !== null && box.y + box.height < 800) lowest = at;
  }
  await buttons.nth(lowest).click();
  const inside = async () => {
    const box = await page.getByRole("menu").boundingBox();
    return box !== null && box.y >= 0 && box.y + box.height <= 800;
  };
  await expect.poll(inside).toBe(true);
});
