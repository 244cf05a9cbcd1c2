import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, offline, refusal } from "./manager.ts";
import { names, openPage, pass, toldAll } from "./page.tsx";

const letters = ["a", "b", "c", "d", "e"];

/** Opens the page with five agents. */
async function openFive() {
  const page = await openPage((manager) => {
    manager.agents = letters.map((name) => agentJson(name));
  });
  const box = (name: string) => screen.getByRole<HTMLInputElement>("checkbox", { name });
  const selected = () =>
    letters.filter((name) => screen.queryByRole("checkbox", { name: `Select ${name}`, checked: true }));
  return { ...page, box, selected };
}

test("agents are selected one by one, in a range with Shift, and all at once", async () => {
  const { user, press, box, selected } = await openFive();
  expect(screen.queryByRole("region", { name: "Selected agents" })).toBeNull();

  await user.click(box("Select b"));
  expect(screen.getByText("1 selected")).toBeTruthy();
  expect(box("Select all").indeterminate).toBe(true);
  await user.keyboard("{Shift>}");
  await user.click(box("Select d"));
  await user.keyboard("{/Shift}");
  expect(selected()).toEqual(["b", "c", "d"]);

  await user.click(box("Select all"));
  expect(selected()).toEqual(letters);
  expect(box("Select all").indeterminate).toBe(false);
  await press("Clear selection");
  expect(selected()).toEqual([]);
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Agents" }));
});

test("all that a filter shows are selected, and stay so under another filter", async () => {
  const { manager, user, press, box } = await openFive();
  manager.agents = letters.map((name) => agentJson(name, name < "c" ? offline("lost") : {}));
  await toldAll(manager);
  await press("Trouble 2");
  await user.click(box("Select all"));
  await press("All 5");

  expect(screen.getByText("2 selected")).toBeTruthy();
  expect(box("Select a").checked).toBe(true);
  expect(box("Select c").checked).toBe(false);
});

test("selected agents are revoked after one question that names them all", async () => {
  const { manager, user, press, box } = await openFive();
  await user.click(box("Select b"));
  await user.click(box("Select d"));
  await press("Revoke…");
  const dialog = screen.getByRole("dialog", { name: "Revoke 2 agents?" });
  expect(
    within(dialog)
      .getAllByRole("listitem")
      .map((item) => item.textContent),
  ).toEqual(["b", "d"]);
  expect(manager.received.some(({ method }) => method === "POST")).toBe(false);

  await press("Revoke 2 agents");
  expect(manager.received.filter(({ method }) => method === "POST")).toEqual([
    { method: "POST", path: "/api/agents/bulk", body: { action: "revoke", ids: ["id-b", "id-d"] } },
  ]);
  expect(screen.queryByRole("dialog")).toBeNull();
  await toldAll(manager);
  expect(screen.getAllByText("offline · revoked")).toHaveLength(2);
  expect(screen.queryByText(/selected$/)).toBeNull();
});

test("those that could not be removed stay selected, with the reason, and can be tried again", async () => {
  const { manager, user, press, box } = await openFive();
  manager.bulkOutcomes.set("id-b", "registry_unavailable");
  for (const name of ["a", "b", "c"]) await user.click(box(`Select ${name}`));
  await press("Remove…");
  await press("Remove 3 agents");

  const dialog = screen.getByRole("dialog");
  expect(within(dialog).getByRole("alert").textContent).toBe("1 agent could not be removed.");
  expect(within(dialog).getByRole("listitem").textContent).toBe(
    "b · The manager could not reach its database. Try again.",
  );
  expect(names()).toEqual(["b", "d", "e"]);
  expect(screen.getByText("1 selected")).toBeTruthy();

  manager.bulkOutcomes.clear();
  await press("Remove 1 agent", dialog);
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(names()).toEqual(["d", "e"]);
});

test("if the manager cannot be reached, the rest is not tried", async () => {
  const { manager, user, press, box } = await openFive();
  await user.click(box("Select all"));
  await press("Remove…");
  manager.reachable = false;
  await press("Remove 5 agents");

  expect(manager.received.filter(({ method }) => method === "POST")).toHaveLength(1);
  expect(within(screen.getByRole("dialog")).getByRole("alert").textContent).toBe("The manager cannot be reached.");
});

test("many agents are removed in several calls, and a call that fails ends it", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = Array.from({ length: 250 }, (_, n) => agentJson(`edge-${n}`));
  });
  await user.click(screen.getByRole("checkbox", { name: "Select all" }));
  await press("Remove…");
  manager.insteadOf.set("POST /api/agents/bulk", refusal(503, "registry_unavailable", "the registry is away"));
  await press("Remove 250 agents");
  expect(within(screen.getByRole("dialog")).getByRole("alert").textContent).toBe("the registry is away");
  expect(manager.agents).toHaveLength(250);

  manager.insteadOf.clear();
  await press("Remove 250 agents");
  expect(manager.received.filter(({ path }) => path === "/api/agents/bulk")).toHaveLength(4);
  expect(manager.agents).toEqual([]);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("a session that is over asks for the password over the dialog, which goes on afterwards", async () => {
  const { manager, user, press, box } = await openFive();
  await user.click(box("Select b"));
  await press("Revoke…");
  manager.loggedIn = false;
  await press("Revoke 1 agent");

  const logIn = screen.getByRole("dialog", { name: "The session is over" });
  await user.type(within(logIn).getByLabelText("Password"), manager.password);
  await press("Log in", logIn);
  await press("Revoke 1 agent");
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(manager.agents.filter(({ reason }) => reason === "revoked").map(({ name }) => name)).toEqual(["b"]);
});

test("an agent that is gone counts as removed, and cannot be revoked", async () => {
  const { manager, user, press, box } = await openFive();
  await user.click(box("Select a"));
  await user.click(box("Select b"));
  manager.agents = manager.agents.filter(({ name }) => name !== "a");
  await press("Revoke…");
  await press("Revoke 2 agents");

  const dialog = screen.getByRole("dialog");
  expect(within(dialog).getByRole("listitem").textContent).toBe("a · It has been removed.");
  expect(names()).toEqual(["b", "c", "d", "e"]);
  await press("Cancel", dialog);

  await user.click(box("Select c"));
  manager.agents = manager.agents.filter(({ name }) => name !== "c");
  await press("Remove…");
  await press("Remove 1 agent");
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(names()).toEqual(["b", "d", "e"]);
});

test("an agent that somebody else removes is no longer selected", async () => {
  const { manager, user, box } = await openFive();
  await user.click(box("Select a"));
  await user.click(box("Select b"));
  manager.agents = manager.agents.filter(({ name }) => name !== "a");
  await toldAll(manager);

  expect(screen.getByText("1 selected")).toBeTruthy();
  await pass(500);
  expect(location.search).toBe("?selected=id-b");
});
