import { screen, within } from "@solidjs/testing-library";
import { afterEach, expect, test, vi } from "vitest";
import { agentJson, offline, refusal } from "./manager.ts";
import { names, toldAll, openPage, pass, row } from "./page.tsx";

function setVisibility(state: DocumentVisibilityState): void {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(state);
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}

afterEach(() => setVisibility("visible"));

test("the page polls every second, stops while it is hidden, and polls at once when it is visible again", async () => {
  const { manager } = await openPage();
  const atFirst = manager.readings();
  await pass(3_000);
  expect(manager.readings()).toBe(atFirst + 3);

  setVisibility("hidden");
  await pass(60_000);
  expect(manager.readings()).toBe(atFirst + 3);

  setVisibility("visible");
  await pass(10);
  expect(manager.readings()).toBe(atFirst + 4);
});

test("rows, the focus and an open menu survive polls that change everything in them", async () => {
  const { manager, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("edge-8")];
  });
  const before = row("edge-7");
  await press("Actions for edge-7");
  const item = screen.getByRole("menuitem", { name: "History" });
  expect(document.activeElement).toBe(item);

  manager.agents = [
    agentJson("aardvark"),
    agentJson("edge-7", { ...offline("lost"), version: "2.0.0", lastSeen: Date.now() }),
    agentJson("edge-8", { address: "192.0.2.1" }),
  ];
  await toldAll(manager);

  expect(row("edge-7")).toBe(before);
  expect(within(before).getByText("2.0.0")).toBeTruthy();
  expect(screen.getByRole("menuitem", { name: "History" })).toBe(item);
  expect(document.activeElement).toBe(item);
});

test("no row moves while a menu is open; rows move when it is closed", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b"), agentJson("c")];
  });
  await press("Actions for a");
  manager.agents = [agentJson("a", offline("lost")), agentJson("b"), agentJson("c")];
  await toldAll(manager);
  expect(names()).toEqual(["a", "b", "c"]);

  await user.keyboard("{Escape}");
  await pass(10);
  expect(names()).toEqual(["b", "c", "a"]);
});

test("while the manager is unreachable the last table stays, marked with its age; then it is live again", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });

  expect(screen.getByText("1 online / 1 agent").classList).not.toContain("stale");

  manager.reachable = false;
  await pass(12_000);
  expect(screen.getByText("Manager unreachable.")).toBeTruthy();
  expect(screen.getByText(/Last answer 1[12]s ago, retrying/)).toBeTruthy();
  expect(within(row("edge-7")).getByText("online")).toBeTruthy();
  expect(screen.getByText("1 online / 1 agent").classList).toContain("stale");

  manager.reachable = true;
  await toldAll(manager);
  expect(screen.queryByText("Manager unreachable.")).toBeNull();
  expect(screen.getByText("Checked every second")).toBeTruthy();
});

test("a single failed poll is not reported", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });

  manager.reachable = false;
  await toldAll(manager);

  expect(screen.queryByText("Manager unreachable.")).toBeNull();
});

test("the error of a failing manager is shown, and the last table stays", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });

  manager.insteadOf.set("GET /api/agents", refusal(503, "registry_unavailable", "the registry does not answer"));
  await pass(4_000);

  expect(screen.getByText("The manager answers with an error: the registry does not answer")).toBeTruthy();
  expect(row("edge-7")).toBeTruthy();
});

test("an invalid answer is an error, not an empty fleet", async () => {
  await openPage((manager) => {
    manager.insteadOf.set("GET /api/agents", { status: 200, body: [{ ...agentJson("x"), name: 7 }] });
  });

  expect(screen.getByRole("heading", { name: "The manager answers with an error" })).toBeTruthy();
  expect(screen.getByText("The answer is invalid: name is not a string.")).toBeTruthy();
});

test("before the first answer the page says that it is loading, and then what is wrong", async () => {
  const { manager } = await openPage((manager) => {
    manager.reachable = false;
  });
  expect(screen.getByRole("heading", { name: "The manager cannot be reached" })).toBeTruthy();

  manager.reachable = true;
  manager.insteadOf.set("GET /api/agents", refusal(503, "not_configured", "ADMIN_PASSWORD is too short"));
  await toldAll(manager);
  expect(screen.getByRole("heading", { name: "The manager is not configured" })).toBeTruthy();
  expect(screen.getByText("ADMIN_PASSWORD is too short")).toBeTruthy();

  manager.insteadOf.clear();
  await toldAll(manager);
  expect(screen.getByRole("heading", { name: "No agents yet" })).toBeTruthy();
});

test("the table's outline is shown until the first answer", async () => {
  await openPage(() => {
    vi.stubGlobal("fetch", () => new Promise(() => {}));
  });

  expect(screen.getByRole("progressbar", { name: "Loading agents" })).toBeTruthy();
});
