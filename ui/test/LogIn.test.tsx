import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, type Manager, refusal } from "./manager.ts";
import { openPage, pass, row } from "./page.tsx";

const loggedOut = (manager: Manager) => {
  manager.loggedIn = false;
};

test("a visitor without a session logs in with the password and sees the agents", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.loggedIn = false;
    manager.agents = [agentJson("edge-7")];
  });

  await user.type(screen.getByLabelText("Password"), manager.password);
  await press("Log in");

  expect(row("edge-7")).toBeTruthy();
  expect(screen.queryByLabelText("Password")).toBeNull();
});

test("the form tells a password manager whose password it is", async () => {
  await openPage(loggedOut);

  expect(screen.getByLabelText("Password").getAttribute("autocomplete")).toBe("current-password");
  expect(screen.getByDisplayValue("admin").getAttribute("autocomplete")).toBe("username");
});

test("a wrong password is reported beside the field, and another can be tried", async () => {
  const { manager, user, press } = await openPage(loggedOut);

  await user.type(screen.getByLabelText("Password"), "wrong");
  await press("Log in");
  expect(screen.getByRole("alert").textContent).toBe("Wrong password.");

  await user.clear(screen.getByLabelText("Password"));
  await user.type(screen.getByLabelText("Password"), manager.password);
  await press("Log in");
  expect(screen.getByRole("heading", { name: "Agents" })).toBeTruthy();
});

test("the message of a manager that is not configured is shown", async () => {
  const { manager, user, press } = await openPage(loggedOut);
  manager.insteadOf.set("POST /api/session", refusal(503, "not_configured", "JWT_SECRET is missing"));

  await user.type(screen.getByLabelText("Password"), "x");
  await press("Log in");

  expect(screen.getByRole("alert").textContent).toBe("JWT_SECRET is missing");
});

test("after too many attempts the form counts down to the next one", async () => {
  const { manager, user, press } = await openPage(loggedOut);
  manager.insteadOf.set("POST /api/session", refusal(429, "too_many_attempts", "slow down", { "retry-after": "30" }));

  await user.type(screen.getByLabelText("Password"), "x");
  await press("Log in");
  expect(screen.getByRole("alert").textContent).toBe("Too many attempts.");
  expect(screen.getByRole("button", { name: "Try again in 30 s" }).hasAttribute("disabled")).toBe(true);

  await pass(10_000);
  expect(screen.getByRole("button", { name: "Try again in 20 s" })).toBeTruthy();
  await pass(21_000);
  expect(screen.getByRole("button", { name: "Log in" }).hasAttribute("disabled")).toBe(false);
});

test("an unreachable manager is not reported as a wrong password", async () => {
  const { manager, user, press } = await openPage(loggedOut);
  manager.reachable = false;

  await user.type(screen.getByLabelText("Password"), "x");
  await press("Log in");

  expect(screen.getByRole("alert").textContent).toBe("The manager cannot be reached.");
});

test("when the manager says that the session is over, the log-in is shown at once", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });
  expect(screen.getByRole("table")).toBeTruthy();

  manager.loggedIn = false;
  for (const socket of manager.openSockets) socket.closedWith(4401);

  expect(within(screen.getByRole("dialog")).getByLabelText("Password")).toBeTruthy();
});

test("a session that ends takes nothing that was typed; after the log-in the page is live again, and right", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("gone meanwhile")];
  });
  await press("Actions for edge-7");
  await user.click(screen.getByRole("menuitem", { name: /Rename/ }));
  await user.type(screen.getByLabelText("Name"), "-new");
  manager.loggedIn = false;
  for (const socket of manager.openSockets) socket.closedWith(4401);
  manager.agents = manager.agents.filter(({ name }) => name === "edge-7");

  await user.type(screen.getByLabelText("Password"), manager.password);
  await press("Log in");
  expect(screen.queryByLabelText("Password")).toBeNull();
  expect(screen.getByText("Live")).toBeTruthy();
  expect(screen.queryByText("gone meanwhile")).toBeNull();
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("edge-7-new");
  await press("Rename");
  expect(manager.agents[0]?.name).toBe("edge-7-new");
});

test("a reading of the list notices the end of a session too", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7")];
  });

  manager.loggedIn = false;
  await pass(10 * 60_000);

  expect(screen.getByLabelText("Password")).toBeTruthy();
});

test("an action notices the end of a session too", async () => {
  const { manager, press } = await openPage();
  manager.insteadOf.set("POST /api/admin/tokens", refusal(401, "unauthorized", "log in first"));

  await press("Add agent");
  await press("Create token");

  expect(screen.getByLabelText("Password")).toBeTruthy();
});

test("logging out ends the session and the feed", async () => {
  const { manager, press } = await openPage();

  await press("Log out");
  expect(manager.loggedIn).toBe(false);
  expect(screen.getByLabelText("Password")).toBeTruthy();
  expect(manager.openSockets).toHaveLength(0);

  const { length } = manager.received;
  await pass(20 * 60_000);
  expect(manager.received).toHaveLength(length);
  expect(manager.openSockets).toHaveLength(0);
});

test("a log-out that the manager did not confirm is reported as not done", async () => {
  const { manager, press } = await openPage();
  manager.insteadOf.set("DELETE /api/session", refusal(500, "internal", "oops"));

  await press("Log out");

  expect(screen.getByText(/You are still logged in/)).toBeTruthy();
});
