import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, offline, refusal } from "./manager.ts";
import { openPage, row, toldAll } from "./page.tsx";

const host = (address: string | null, hostname: string) => ({ address, hostname, seenAt: Date.now() });

const cloneJson = (first = host("198.51.100.1", "web"), second = host("198.51.100.2", "web")) => ({
  at: Date.now(),
  first,
  second,
});

/** Opens the page with one cloned agent, and the dialog that gives the copy its own identity. */
async function openSeparation() {
  const page = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v", clone: cloneJson() })];
  });
  await page.press("Actions for edge-7");
  await page.user.click(screen.getByRole("menuitem", { name: "Give the copy its own identity…" }));
  return { ...page, dialog: screen.getByRole("dialog", { name: "Give the copy its own identity?" }) };
}

test.for([
  [cloneJson(), "Two hosts share this identity: 198.51.100.1 and 198.51.100.2"],
  [cloneJson(host(null, "web-1")), "Two hosts share this identity: web-1 and 198.51.100.2"],
  [
    cloneJson(host("198.51.100.1", "web-1"), host("198.51.100.1", "web-2")),
    "Two hosts share this identity: web-1 and web-2",
  ],
  [cloneJson(host("198.51.100.1", "web"), host("198.51.100.1", "web")), "both seen as 198.51.100.1"],
] as const)("a row says which two hosts share its identity: %#", async ([clone, words]) => {
  await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { clone })];
  });

  expect(within(row("edge-7")).getByRole("rowheader").textContent).toContain(words);
});

test("a row without a clone has no warning, nor has a row from a manager that does not detect clones", async () => {
  const { manager, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("older", { clone: undefined })];
  });
  expect(row("older")).toBeTruthy();
  expect(screen.queryByText(/share this identity/)).toBeNull();
  await press("Actions for edge-7");
  expect(screen.queryByRole("menuitem", { name: /its own identity/ })).toBeNull();

  manager.agents = [agentJson("edge-7", { clone: cloneJson() })];
  await toldAll(manager);
  expect(within(row("edge-7")).getByText(/share this identity/)).toBeTruthy();
});

test("an invalid clone is an error, not a row without a warning", async () => {
  await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { clone: { at: 1, first: null, second: null } })];
  });

  expect(screen.getByText("The answer is invalid: clone.first is not an object.")).toBeTruthy();
});

test("the copy gets its own identity only after a dialog that explains the effect", async () => {
  const { manager, press, dialog } = await openSeparation();
  expect(dialog.textContent).toContain(
    "The host that was there first, 198.51.100.1, stays edge-7. " +
      "The second, 198.51.100.2, gets a token of its own and is listed as a new agent.",
  );
  expect(manager.received.some(({ method }) => method === "POST")).toBe(false);
  manager.insteadOf.set("POST /api/agents/k3v/separate", { status: 200, body: { agentId: "n3w" } });

  await press("Separate the copy", dialog);

  expect(manager.received).toContainEqual({ method: "POST", path: "/api/agents/k3v/separate", body: undefined });
  expect(within(dialog).getByRole("status").textContent).toBe("Done: the second host is now an agent of its own.");
  expect(within(row("edge-7")).queryByText(/share this identity/)).toBeNull();
  expect(document.activeElement).toBe(within(dialog).getByRole("button", { name: "Close" }));
  await press("Close", dialog);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("a copy that is offline is separated when it is back, and is a clone until then", async () => {
  const { manager, press, dialog } = await openSeparation();
  manager.insteadOf.set("POST /api/agents/k3v/separate", { status: 202, body: { agentId: null } });

  await press("Separate the copy", dialog);

  expect(within(dialog).getByRole("status").textContent).toBe(
    "It will be done when the second host is back, within minutes.",
  );
  expect(within(row("edge-7")).getByText(/share this identity/)).toBeTruthy();
});

test.for([
  [504, "timeout", "no reply within 10000 ms", "The second host did not answer in time."],
  [409, "no_clone", "no two hosts have been seen with this identity", "no two hosts have been seen"],
] as const)("a separation that failed with %i is explained in its dialog", async ([status, code, message, words]) => {
  const { manager, press, dialog } = await openSeparation();
  manager.insteadOf.set("POST /api/agents/k3v/separate", refusal(status, code, message));

  await press("Separate the copy", dialog);

  expect(within(dialog).getByRole("alert").textContent).toContain(words);
  expect(within(dialog).getByRole("status").textContent).toBe("");
});

test("a copy can be separated while its agent is offline", async () => {
  const { press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { ...offline("lost"), clone: cloneJson() })];
  });

  await press("Actions for edge-7");

  expect(screen.getByRole("menuitem", { name: /its own identity/ })).toBeTruthy();
});
