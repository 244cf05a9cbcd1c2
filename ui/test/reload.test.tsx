import { screen, within } from "@solidjs/testing-library";
import { expect, test, vi } from "vitest";
import { agentJson } from "./manager.ts";
import { openPage, pass } from "./page.tsx";

const minute = 60_000;
const toasts = () => within(document.querySelector(".toasts") as HTMLElement);

/** The page has this script, as its own HTML says. */
function withScript(file: string): string {
  const script = document.createElement("script");
  script.setAttribute("src", file);
  script.type = "test";
  document.head.append(script);
  return `<!doctype html><script type="module" crossorigin src="${file}"></script>`;
}

test("a new version of the dashboard is noticed with the next reading of the list, and the operator reloads", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
    manager.html = withScript("/assets/index-old.js");
  });
  await pass(21 * minute);
  expect(manager.htmlReadings).toBe(3);
  expect(toasts().queryByText(/new version/)).toBeNull();

  manager.html = '<script src="/assets/index-new.js"></script>';
  await pass(10 * minute);
  expect(toasts().getByText("A new version of the dashboard is here.")).toBeTruthy();
  const reload = vi.fn();
  vi.stubGlobal("location", Object.assign(new URL(location.href), { reload }));
  toasts().getByRole("button", { name: "Reload" }).click();
  expect(reload).toHaveBeenCalledOnce();
});

test("it is noticed after a reconnect too; once put aside, it stays away", async () => {
  const { manager, user } = await openPage((manager) => {
    manager.html = '<link rel="stylesheet" href="/assets/index-new.css">';
  });
  manager.openSockets[0]?.closedWith(1006);
  await pass(5_000);
  await user.click(toasts().getByRole("button", { name: "Close" }));
  expect(toasts().queryByText(/new version/)).toBeNull();

  await pass(30 * minute);
  expect(toasts().queryByText(/new version/)).toBeNull();
  expect(manager.htmlReadings).toBe(1);
});

test.for([
  ["a portal's own page", '<script src="/portal.js"></script>'],
  ["an empty answer", ""],
])("%s is no new version", async ([, html = ""]) => {
  const { manager } = await openPage((manager) => {
    manager.html = html;
  });
  await pass(11 * minute);
  expect(manager.htmlReadings).toBeGreaterThan(0);
  expect(toasts().queryByText(/new version/)).toBeNull();
});

/** Opens a dialog that throws when it is shown. */
async function openFailing(module: string, button: string, error: Error) {
  vi.doMock(module, () => ({
    default: () => {
      throw error;
    },
  }));
  const { press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });
  screen.getByRole("checkbox", { name: "Select edge-7" }).click();
  await pass(10);
  await press(button);
  await pass(10);
  vi.doUnmock(module);
}

test("a dialog that cannot be loaded leaves the page as it is, and says so", async () => {
  const words = "Failed to fetch dynamically imported module: https://zedops.test/assets/BulkDialog-old.js";
  await openFailing("../src/screens/agents/BulkDialog.tsx", "Revoke…", new TypeError(words));

  expect(toasts().getByText("This part of the page could not be loaded.")).toBeTruthy();
  expect(toasts().getByRole("button", { name: "Reload" })).toBeTruthy();
  expect(screen.getByText("1 selected")).toBeTruthy();
});

test("a dialog that fails in another way stops the page", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await openFailing("../src/screens/agents/BulkLabels.tsx", "Labels…", new TypeError("x is not a function"));

  expect(screen.getByRole("heading", { name: "This page has stopped" })).toBeTruthy();
});
