import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, auditJson, type Manager } from "./manager.ts";
import { openPage, pass } from "./page.tsx";

async function openAudit(prepare: (manager: Manager) => void) {
  const opened = await openPage(prepare);
  await opened.user.click(screen.getByRole("link", { name: "Audit" }));
  await pass(10);
  return opened;
}

const table = () => screen.getByRole("table", { name: "Audit" });
/** The texts of the rows, below the head. */
const entries = () =>
  within(table())
    .getAllByRole("row")
    .slice(1)
    .map((each) => each.textContent ?? "");

const removedId = "abcdefghijklmnopqrst";

const some = (manager: Manager) => {
  manager.agents = [agentJson("edge-7", { id: "k3v" }), agentJson("edge-8")];
  manager.audit = [
    auditJson(6, "agent.invent", { target: "k3v", detail: { colour: "red" } }),
    auditJson(5, "session.begin", { via: "password", address: null }),
    auditJson(4, "hub.drain", { target: "hub-1", detail: { delayMs: 30_000 } }),
    auditJson(3, "agent.remove", { target: removedId }),
    auditJson(2, "agent.rename", { target: "k3v", detail: { name: "edge-7" } }),
    auditJson(1, "token.mint", { target: "e5t", detail: { name: null, maxUses: 3, expiresAt: 1_790_000_000_000 } }),
  ];
};

test("entries are in words, with their details, targets, and who did it from where", async () => {
  await openAudit(some);
  const [unknown, begin, drain, remove, rename, mint] = entries();

  expect(rename).toContain("Renamed agent");
  expect(rename).toContain("Name edge-7");
  expect(rename).toContain("Dashboard 203.0.113.7");
  expect(begin).toContain("Logged in");
  expect(drain).toContain("Delay 30 s");
  expect(remove).toContain("agent abcdefgh");
  expect(mint).toMatch(/Uses 3.*Expires .*2026/);
  expect(mint).not.toContain("Name");
  expect(unknown).toContain("agent.invent");
  expect(unknown).toContain("colour red");
  const [link] = within(table()).getAllByRole("link", { name: "edge-7" });
  expect(link?.getAttribute("href")).toBe("/agents/k3v");
  expect(within(table()).getByRole("link", { name: "token e5t" }).getAttribute("href")).toBe("/tokens?token=e5t");
});

test("an action is chosen from a list", async () => {
  const { user } = await openAudit(some);
  await user.selectOptions(screen.getByRole("combobox", { name: "Action" }), "Renamed agent");
  await pass(1_000);
  expect(entries()).toHaveLength(1);
  expect(location.search).toBe("?action=agent.rename");

  await user.selectOptions(screen.getByRole("combobox", { name: "Action" }), "All actions");
  await pass(1_000);
  expect(entries()).toHaveLength(6);
});

test("an agent is found by its name or id, a removed one by its id alone", async () => {
  const { user } = await openAudit(some);
  const field = screen.getByLabelText("Agent or id");
  await user.type(field, "EDGE-7{Enter}");
  await pass(1_000);
  expect(entries()).toHaveLength(2);
  expect(location.search).toBe("?target=k3v");

  await user.clear(field);
  await user.type(field, "nobody{Enter}");
  await pass(10);
  expect(screen.getByText(/No agent has this name/)).toBeTruthy();
  expect(entries()).toHaveLength(2);

  await user.clear(field);
  await user.type(field, `${removedId}{Enter}`);
  await pass(10);
  expect(screen.queryByText(/No agent has this name/)).toBeNull();
  expect(entries()).toEqual([expect.stringContaining("Removed agent")]);
});

test("several agents with one name are told apart by their ids", async () => {
  const { user } = await openAudit((manager) => {
    manager.agents = [agentJson("twin", { id: "one" }), agentJson("twin", { id: "two" })];
    manager.audit = [auditJson(1, "agent.revoke", { target: "two" })];
  });
  const field = screen.getByLabelText("Agent or id");
  await user.type(field, "twin{Enter}");
  expect(screen.getByText(/Several agents have this name/)).toBeTruthy();

  await user.clear(field);
  await user.type(field, "two{Enter}");
  await pass(1_000);
  expect(location.search).toBe("?target=two");
});

test("older entries are on pages of their own, which the browser goes back from", async () => {
  const { user } = await openAudit((manager) => {
    manager.audit = Array.from({ length: 120 }, (_, n) => auditJson(120 - n, "session.begin"));
  });
  expect(entries()).toHaveLength(50);
  await user.click(screen.getByRole("link", { name: "Older" }));
  await pass(10);
  await user.click(screen.getByRole("link", { name: "Older" }));
  await pass(10);
  expect(entries()).toHaveLength(20);
  expect(screen.queryByRole("link", { name: "Older" })).toBeNull();
  expect(document.activeElement).not.toBe(document.body);

  await user.click(screen.getByRole("link", { name: "Newest" }));
  await pass(10);
  expect(entries()).toHaveLength(50);
  expect(location.search).toBe("");
});
