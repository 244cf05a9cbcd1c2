import { screen, within } from "@solidjs/testing-library";
import { expect, test, vi } from "vitest";
import { agentJson, offline, refusal } from "./manager.ts";
import { openPage, pass, toldAll } from "./page.tsx";

test("an operator without agents is shown how to add one", async () => {
  await openPage();

  expect(screen.getByRole("heading", { name: "No agents yet" })).toBeTruthy();
  expect(document.body.textContent).toContain(`zedops-agent --manager=${location.origin} --token-file=-`);
  expect(document.body.textContent).toContain("make agent-run");
  expect(screen.getByRole("button", { name: "Add agent" })).toBeTruthy();
});

test("the first agent to come online is announced by name", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", offline("never_connected"))];
  });
  expect(screen.queryByText("Agent online ✓")).toBeNull();

  manager.agents = [agentJson("edge-7")];
  await toldAll(manager);
  const toast = screen.getByRole("status");
  expect(within(toast).getByText("Agent online ✓")).toBeTruthy();
  expect(within(toast).getByText("edge-7")).toBeTruthy();

  await pass(10_000);
  expect(screen.queryByText("Agent online ✓")).toBeNull();
});

test("a newly enrolled agent is announced; one that merely comes back is not", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b", offline("lost"))];
  });
  expect(screen.queryByText("Agent online ✓")).toBeNull();

  manager.agents = [agentJson("a"), agentJson("b")];
  await toldAll(manager);
  expect(screen.queryByText("Agent online ✓")).toBeNull();

  manager.agents = [agentJson("a"), agentJson("b"), agentJson("c"), agentJson("d")];
  await toldAll(manager);
  expect(within(screen.getByRole("status")).getByText("c and 1 more")).toBeTruthy();
});

test("adding an agent mints a token that is not part of the command, and shows when the agent connects", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("old")];
  });

  await press("Add agent");
  const dialog = within(screen.getByRole("dialog", { name: "Add agent" }));
  await user.type(dialog.getByLabelText(/^Name/), "edge-7");
  await user.click(dialog.getByRole("button", { name: "Create token" }));
  await pass(10);

  expect(manager.received).toContainEqual({ method: "POST", path: "/api/admin/tokens", body: { name: "edge-7" } });
  const [command, token] = [...document.querySelectorAll("dialog .copy-box code")].map((code) => code.textContent);
  expect(command).toBe(`zedops-agent --manager=${location.origin} --token-file=-`);
  expect(token).toBe(manager.token);
  expect(dialog.getByText(/Valid for 1 hour, for one host/)).toBeTruthy();
  expect(dialog.getByText(/The binary comes from/).textContent).toContain("make agent GOOS=… GOARCH=…");
  expect(dialog.getByRole("status").textContent).toBe("Waiting for the agent to connect…");

  manager.agents = [agentJson("old"), agentJson("edge-7")];
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("edge-7 is online ✓");

  await user.click(dialog.getByRole("button", { name: "Done" }));
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(document.body.textContent).not.toContain(manager.token);
});

test.for([
  ["http://localhost:8787", true],
  ["http://127.0.0.1:8787", true],
  ["http://[::1]:8787", true],
  ["https://127.example.com", false],
  ["https://zedops.example.com", false],
] as const)("opened at %s, the page says that other hosts need another address: %s", async ([url, says]) => {
  const { press } = await openPage();
  vi.stubGlobal("location", new URL(url));
  await press("Add agent");
  await press("Create token");

  expect(screen.queryByText(/leads every host to itself/) !== null).toBe(says);
});

test("the command and the token can each be copied", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("old")];
  });
  await press("Add agent");
  await press("Create token");
  const copy = (what: string) => screen.getByRole("button", { name: "Copy", description: what });

  const clipboard = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();

  await user.click(copy("Run this on the host"));
  expect(clipboard).toHaveBeenLastCalledWith(`zedops-agent --manager=${location.origin} --token-file=-`);
  await user.click(copy("Paste this token when it asks"));
  expect(clipboard).toHaveBeenLastCalledWith(manager.token);
  await pass(10);
  expect(screen.getAllByRole("button", { name: "Copied" })).toHaveLength(2);
});

test("without a clipboard the text is selected for the operator to copy", async () => {
  const { user } = await openPage();
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new DOMException("insecure", "NotAllowedError"));

  await user.click(screen.getByRole("button", { name: "Copy", description: /this machine/ }));
  await pass(10);

  expect(getSelection()?.toString()).toBe("make agent-run");
  expect(screen.getByRole("button", { name: "Press Ctrl+C" })).toBeTruthy();
});

test("if minting a token fails, the dialog shows the reason", async () => {
  const { manager, press } = await openPage();
  manager.insteadOf.set("POST /api/admin/tokens", refusal(400, "invalid_body", "name has a control character"));

  await press("Add agent");
  await press("Create token");

  expect(within(screen.getByRole("dialog")).getByRole("alert").textContent).toBe("name has a control character");
});
