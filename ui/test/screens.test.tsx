import { screen, within } from "@solidjs/testing-library";
import { expect, test, vi } from "vitest";
import { agentJson, offline } from "./manager.ts";
import { openPage, pass, toldAll } from "./page.tsx";

const two = (manager: Parameters<NonNullable<Parameters<typeof openPage>[0]>>[0]) => {
  manager.agents = [agentJson("edge-7", { id: "k3v" }), agentJson("edge-8")];
};

test("the header leads to the screens, and marks the present one", async () => {
  await openPage(two);

  const link = within(screen.getByRole("navigation", { name: "Screens" })).getByRole("link", { name: "Agents" });
  expect(link.getAttribute("href")).toBe("/agents");
  expect(link.getAttribute("aria-current")).toBe("page");
  expect(document.title).toBe("Agents · ZedOps");
});

test("a click on a name opens the agent's page at a URL of its own, Escape closes it, and back opens it again", async () => {
  const { manager, user } = await openPage(two);
  const link = screen.getByRole("link", { name: "edge-7" });
  await user.click(link);
  expect(location.pathname).toBe("/agents/k3v");
  const page = screen.getByRole("region", { name: "edge-7" });
  expect(document.activeElement).toBe(page);
  expect(within(page).getByText("online")).toBeTruthy();

  manager.agents = [agentJson("edge-7", { id: "k3v", ...offline("lost") }), agentJson("edge-8")];
  await toldAll(manager);
  expect(within(page).getByText("offline · connection lost")).toBeTruthy();

  await user.keyboard("{Escape}");
  await pass(0);
  expect(screen.queryByRole("region", { name: "edge-7" })).toBeNull();
  expect(location.pathname).toBe("/agents");
  expect(document.activeElement).toBe(link);
});

test("the page of an agent that is removed says so", async () => {
  const { manager, user } = await openPage(two);
  await user.click(screen.getByRole("link", { name: "edge-7" }));
  manager.agents = manager.agents.filter(({ id }) => id !== "k3v");
  await toldAll(manager);

  expect(screen.getByText(/was removed/).textContent).toBe("edge-7 was removed.");
});

test("a URL of no screen says what to do", async () => {
  const { user } = await openPage((manager) => {
    two(manager);
    history.replaceState(null, "", "/nothing/here");
    window.dispatchEvent(new PopStateEvent("popstate"));
  });
  expect(screen.getByRole("heading", { name: "There is nothing here" })).toBeTruthy();

  await user.click(screen.getByRole("link", { name: "Go to the agents" }));
  expect(screen.getByRole("heading", { name: "Agents" })).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByRole("main"));
});

test("if a dialog's element is gone, the focus goes to the heading of the screen", async () => {
  const { user, press } = await openPage(two);
  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Remove/ }));
  await pass(10);
  await user.keyboard("k3v{Enter}");
  await pass(10);

  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Agents" }));
});

test("a screen that fails says what to do, and the header stays", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.doMock("../src/screens/settings/SettingsScreen.tsx", () => ({
    default: () => {
      throw new Error("a fault");
    },
  }));
  const { user } = await openPage(two);
  await user.click(screen.getByRole("link", { name: "Settings" }));

  expect(screen.getByRole("heading", { name: "This page has stopped" })).toBeTruthy();
  expect(screen.getByText("a fault")).toBeTruthy();
  expect(screen.getByText("Reload it. The agents are not affected.")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Reload" })).toBeTruthy();
  await user.click(screen.getByRole("link", { name: "Agents" }));
  expect(screen.getByRole("link", { name: "edge-7" })).toBeTruthy();
});
