import { screen, within } from "@solidjs/testing-library";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { agentJson, offline } from "./manager.ts";
import { openPage, pass } from "./page.tsx";

const second = 1_000;

let visible = true;

function look(at: boolean): void {
  visible = at;
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}

const shown: { title: string; body: string | undefined; click: () => void }[] = [];

beforeEach(() => {
  vi.spyOn(document, "visibilityState", "get").mockImplementation(() => (visible ? "visible" : "hidden"));
  vi.spyOn(document, "hasFocus").mockImplementation(() => visible);
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal(
    "Notification",
    class extends EventTarget {
      static permission = "granted";

      constructor(title: string, { body }: NotificationOptions = {}) {
        super();
        shown.push({ title, body, click: () => this.dispatchEvent(new Event("click")) });
      }

      close(): void {}
    },
  );
  const icon = document.createElement("link");
  icon.rel = "icon";
  document.head.append(icon);
});

afterEach(() => {
  visible = true;
  shown.length = 0;
  localStorage.clear();
  document.querySelector('link[rel="icon"]')?.remove();
});

const icon = () => document.querySelector('link[rel="icon"]')?.getAttribute("href");
const region = () => within(screen.getByRole("status"));

async function openWith(...names: string[]) {
  const opened = await openPage((manager) => {
    manager.agents = names.map((name) => agentJson(name));
  });
  const lose = (name: string, reason = "lost") =>
    opened.manager.tell(`presence.id-${name}`, { ...agentJson(name), ...offline(reason) });
  return { ...opened, lose };
}

test("an agent that is lost is announced with a link to it; one that was stopped is not", async () => {
  const { user, lose } = await openWith("edge-7", "edge-8");
  lose("edge-7");
  lose("edge-8", "stopped");
  await pass(20 * second);

  expect(region().getByText("Agent lost")).toBeTruthy();
  expect(region().queryByText(/edge-8/)).toBeNull();
  await user.click(region().getByRole("link", { name: "edge-7" }));
  expect(location.pathname).toBe("/agents/id-edge-7");
});

test("a storm is announced once, with a link to all that are in trouble", async () => {
  const names = Array.from({ length: 30 }, (_, n) => `edge-${n}`);
  const { lose } = await openWith(...names);
  for (const name of names) lose(name);
  await pass(20 * second);

  expect(region().getByText("30 agents lost")).toBeTruthy();
  expect(region().getByRole("link").getAttribute("href")).toBe("/agents?show=trouble");
});

test("the announcement can be closed, and goes by itself", async () => {
  const { press, lose } = await openWith("edge-7", "edge-8");
  lose("edge-7");
  await pass(14 * second);
  await press("Close");
  expect(region().queryByText("Agent lost")).toBeNull();
  expect(document.activeElement).not.toBe(document.body);

  lose("edge-8");
  await pass(14 * second);
  expect(region().getByText("Agent lost")).toBeTruthy();
  await pass(20 * second);
  expect(region().queryByText("Agent lost")).toBeNull();
});

test("while nobody looks, the title and the icon tell of losses; whoever looks sees which", async () => {
  const { lose } = await openWith("edge-7", "edge-8");
  look(false);
  lose("edge-7");
  await pass(20 * second);
  lose("edge-8");
  await pass(20 * second);
  expect(document.title).toBe("(2) Agents · ZedOps");
  expect(icon()).toBe("/favicon-lost.svg");
  await pass(600 * second);

  look(true);
  await pass(10);
  expect(document.title).toBe("Agents · ZedOps");
  expect(icon()).toBe("/favicon.svg");
  expect(region().getByText("2 agents lost")).toBeTruthy();
});

test("a loss that somebody sees is not counted", async () => {
  const { lose } = await openWith("edge-7");
  lose("edge-7");
  await pass(20 * second);
  expect(document.title).toBe("Agents · ZedOps");
  expect(shown).toEqual([]);
});

test("a notification tells of a loss while nobody looks, if the viewer wants so", async () => {
  const { user, lose } = await openWith("edge-7", "edge-8");
  look(false);
  lose("edge-7");
  await pass(20 * second);
  expect(shown).toEqual([]);

  look(true);
  await user.click(screen.getByRole("link", { name: "Settings" }));
  await pass(10);
  await user.click(screen.getByRole("checkbox", { name: /desktop notification/ }));
  await pass(20 * second);
  look(false);
  lose("edge-8");
  await pass(20 * second);
  expect(shown).toMatchObject([{ title: "Agent lost", body: "edge-8: offline · connection lost" }]);

  shown[0]?.click();
  expect(location.pathname).toBe("/agents/id-edge-8");
});
