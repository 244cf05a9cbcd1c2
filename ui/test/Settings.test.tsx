import { screen, within } from "@solidjs/testing-library";
import { afterEach, expect, test, vi } from "vitest";
import { agentJson, type Manager } from "./manager.ts";
import { openPage, pass } from "./page.tsx";

afterEach(() => localStorage.clear());

async function openSettings(prepare: (manager: Manager) => void = () => {}) {
  const opened = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("edge-8")];
    prepare(manager);
  });
  await opened.user.click(screen.getByRole("link", { name: "Settings" }));
  await pass(10);
  return opened;
}

test("the theme is the system's until the viewer chooses one", async () => {
  const { user } = await openSettings();
  expect(screen.getByRole("radio", { name: "As the system", checked: true })).toBeTruthy();
  await user.click(screen.getByRole("radio", { name: "Dark" }));
  expect(localStorage.getItem("theme")).toBe("dark");
  await user.click(screen.getByRole("radio", { name: "As the system" }));
  expect(localStorage.getItem("theme")).toBeNull();
});

test.for([
  ["granted", true],
  ["denied", false],
] as const)("notifications are on only if the browser allows them: %s", async ([answer, on]) => {
  vi.stubGlobal("isSecureContext", true);
  const browser = { permission: "default", requestPermission: async () => (browser.permission = answer) };
  vi.stubGlobal("Notification", browser);
  const { user } = await openSettings();
  const box = screen.getByRole<HTMLInputElement>("checkbox", { name: /desktop notification/ });
  await user.click(box);
  await pass(10);
  expect(box.checked).toBe(on);
  expect(screen.queryByText(/blocks notifications/) === null).toBe(on);
});

test("a browser without notifications says so", async () => {
  vi.stubGlobal("Notification", undefined);
  await openSettings();
  expect(screen.getByText(/This browser has none here/)).toBeTruthy();
});

test("all sessions end after a question, this one too", async () => {
  const { manager, press } = await openSettings();
  await press("Log out everywhere…");
  const dialog = screen.getByRole("dialog", { name: "Log out everywhere?" });
  expect(manager.loggedIn).toBe(true);
  await press("Log out everywhere", dialog);

  expect(manager.received).toContainEqual({ method: "DELETE", path: "/api/sessions" });
  expect(screen.getByLabelText("Password")).toBeTruthy();
  expect(screen.queryByRole("heading", { name: "Settings" })).toBeNull();
});

test("a drain says what it does first, and how many agents were told afterwards", async () => {
  const { manager, user, press } = await openSettings((manager) => {
    manager.shards = 3;
  });
  await user.selectOptions(screen.getByRole("combobox", { name: "Hub" }), "Hub 2");
  await user.clear(screen.getByLabelText("Delay in seconds"));
  await user.type(screen.getByLabelText("Delay in seconds"), "30");
  await press("Drain…");
  const dialog = screen.getByRole("dialog", { name: "Drain hub 2?" });
  expect(dialog.textContent).toContain("after 30 s");
  await press("Drain", dialog);

  const body = { delayMs: 30_000, shard: 2 };
  expect(manager.received).toContainEqual({ method: "POST", path: "/api/admin/drain", body });
  expect(within(dialog).getByRole("status").textContent).toBe("2 agents were told to come back.");
});

test("with one hub there is no choice of hubs", async () => {
  const { manager, press } = await openSettings();
  expect(screen.queryByRole("combobox", { name: "Hub" })).toBeNull();
  await press("Drain…");
  expect(screen.getByRole("dialog").textContent).toContain("2 agents are online");
  await press("Drain");
  expect(manager.received).toContainEqual({ method: "POST", path: "/api/admin/drain", body: { delayMs: 0 } });
});

test("parked transitions are listed, and forgotten after a question", async () => {
  const { press } = await openSettings((manager) => {
    manager.parked = [{ at: Date.now(), error: "CHECK constraint failed", transition: '{"agentId":"k3v"}' }];
  });
  const list = within(screen.getByRole("table", { name: "Parked transitions" }));
  expect(list.getByText("CHECK constraint failed")).toBeTruthy();
  expect(list.getByText('{"agentId":"k3v"}')).toBeTruthy();
  await press("Forget all…");
  await press("Forget");
  expect(screen.getByText("There are none.")).toBeTruthy();
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(document.activeElement).not.toBe(document.body);
});
