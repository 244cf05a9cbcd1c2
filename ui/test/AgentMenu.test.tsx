import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, offline, refusal } from "./manager.ts";
import { names, openPage, pass, row } from "./page.tsx";

test("an agent is renamed from its row's menu, and shown so at once", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v" })];
  });
  const before = row("edge-7");

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Rename/ }));
  const name = screen.getByLabelText("Name");
  await user.clear(name);
  await user.type(name, "  front door {Enter}");
  await pass(10);

  expect(manager.received).toContainEqual({ method: "PATCH", path: "/api/agents/k3v", body: { name: "front door" } });
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(row("front door")).toBe(before);
});

test("a menu is used by keyboard, and gives the focus back", async () => {
  const { user } = await openPage((manager) => {
    manager.agents = [agentJson("edge-6"), agentJson("edge-7")];
  });
  const button = screen.getByRole("button", { name: "Actions for edge-6" });
  button.focus();
  await user.keyboard("{Enter}");
  await pass(0);
  const focused = () => document.activeElement?.textContent;

  expect(focused()).toBe("Details");
  await user.keyboard("{ArrowUp}");
  expect(focused()).toBe("Remove…");
  await user.keyboard("{Home}ro");
  expect(focused()).toBe("Rotate token…");
  await user.keyboard("{Escape}");
  expect(document.activeElement).toBe(button);
  expect(screen.queryByRole("menu")).toBeNull();
});

test("a name that the manager refuses stays in the dialog with its reason", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v" })];
    manager.insteadOf.set("PATCH /api/agents/k3v", refusal(400, "invalid_name", "the name has a control character"));
  });

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Rename/ }));
  await user.type(screen.getByLabelText("Name"), "x");
  await press("Rename");

  expect(within(screen.getByRole("dialog")).getByRole("alert").textContent).toBe("the name has a control character");
  expect(manager.agents[0]?.name).toBe("edge-7");
});

test("an agent is removed only after a dialog that shows which one it is, and once its short id is typed", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v5aaaaaa", ...offline("lost") }), agentJson("edge-8")];
  });

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Remove/ }));
  const dialog = screen.getByRole("dialog", { name: "Remove this agent?" });
  expect(dialog.textContent).toContain("edge-7 is disconnected and forgotten at once, and its token stops working.");
  expect(dialog.textContent).toContain("start its agent with a new enrolment token");
  const facts = within(dialog).getAllByRole("definition");
  expect(facts.map(({ textContent }) => textContent)).toEqual(["k3v5aaaaaa", "203.0.113.9", "5s ago"]);
  await press("Cancel", dialog);
  expect(manager.agents).toHaveLength(2);

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Remove/ }));
  const remove = screen.getByRole<HTMLButtonElement>("button", { name: "Remove agent" });
  const field = screen.getByRole("textbox", { name: "Type k3v5aaaa to confirm" });
  expect(document.activeElement).toBe(field);
  await user.type(field, "k3v5{Enter}");
  expect(remove.disabled).toBe(true);
  expect(manager.agents).toHaveLength(2);
  await user.type(field, "aaaa{Enter}");
  await pass(10);
  expect(manager.received).toContainEqual({ method: "DELETE", path: "/api/agents/k3v5aaaaaa", body: undefined });
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.queryByRole("row", { name: /^edge-7/ })).toBeNull();
  expect(row("edge-8")).toBeTruthy();
});

test("an agent is revoked only after a dialog that explains the effect, and stays in the list", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v" })];
  });

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Revoke/ }));
  const dialog = screen.getByRole("dialog", { name: "Revoke this agent?" });
  expect(dialog.textContent).toContain("edge-7 is disconnected at once, and its token is void for good.");
  expect(dialog.textContent).toContain("Its record stays in the list.");
  await press("Cancel", dialog);
  expect(manager.received.some(({ path }) => path.endsWith("/revoke"))).toBe(false);

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Revoke/ }));
  await press("Revoke agent");
  expect(manager.received).toContainEqual({ method: "POST", path: "/api/agents/k3v/revoke", body: undefined });
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(within(row("edge-7")).getByText("offline · revoked")).toBeTruthy();

  await press("Actions for edge-7");
  expect(screen.queryByRole("menuitem", { name: /Revoke/ })).toBeNull();
  expect(screen.getByRole("menuitem", { name: /Remove/ })).toBeTruthy();
});

test("if a revocation fails, the dialog shows the reason", async () => {
  const { user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v" })];
    manager.insteadOf.set("POST /api/agents/k3v/revoke", refusal(503, "registry_unavailable", "the registry is away"));
  });

  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Revoke/ }));
  await press("Revoke agent");

  expect(within(screen.getByRole("dialog")).getByRole("alert").textContent).toBe("the registry is away");
  expect(within(row("edge-7")).getByText("online")).toBeTruthy();
});

test("the menu can be used with the keyboard alone", async () => {
  const { user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });
  const focused = () => document.activeElement?.textContent?.trim();

  await press("Actions for edge-7");
  expect(focused()).toBe("Details");
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Rename…");
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Labels…");
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Rotate token…");
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Revoke…");
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Remove…");
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Details");
  await user.keyboard("{End}");
  expect(focused()).toBe("Remove…");
  await user.keyboard("{Escape}");
  expect(screen.queryByRole("menu")).toBeNull();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Actions for edge-7" }));
});

test("a click elsewhere closes the menu", async () => {
  const { user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });
  await press("Actions for edge-7");

  await user.click(screen.getByRole("heading", { name: "Agents" }));

  expect(screen.queryByRole("menu")).toBeNull();
});

test("a reading in progress during a rename does not bring the old name back", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });
  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Rename/ }));
  await user.type(screen.getByLabelText("Name"), "-new");
  manager.answersTakeMs = 2_000;
  manager.tell("live.resync");
  await pass(1_100);

  await press("Rename");
  expect(row("edge-7-new")).toBeTruthy();
  await pass(3_000);
  expect(row("edge-7-new")).toBeTruthy();
});

test("a reading in progress during a removal does not bring the agent back", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("edge-8")];
  });
  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Remove/ }));
  manager.answersTakeMs = 2_000;
  manager.tell("live.resync");
  await pass(1_100);

  await user.type(screen.getByRole("textbox", { name: /to confirm/ }), "id-edge-");
  await press("Remove agent");
  await pass(3_000);
  expect(names()).toEqual(["edge-8"]);
});
