import { screen, within } from "@solidjs/testing-library";
import { expect, test, vi } from "vitest";
import { agentJson, offline, refusal } from "./manager.ts";
import { openPage, pass, toldAll } from "./page.tsx";

/** Opens the page with one agent, and the dialog that rotates its token. */
async function openRotation() {
  const page = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v" })];
  });
  await page.press("Actions for edge-7");
  await page.user.click(screen.getByRole("menuitem", { name: "Rotate token…" }));
  return { ...page, dialog: screen.getByRole("dialog", { name: "Rotate this agent's token?" }) };
}

test("a token is rotated only after a dialog that explains the effect", async () => {
  const { manager, press, dialog } = await openRotation();
  expect(dialog.textContent).toContain(
    "edge-7 stores a new token and reconnects with it, and its old token stops working then.",
  );
  expect(manager.received.some(({ method }) => method === "POST")).toBe(false);
  manager.insteadOf.set("POST /api/agents/k3v/rotate", { status: 204 });

  await press("Rotate token", dialog);

  expect(manager.received).toContainEqual({ method: "POST", path: "/api/agents/k3v/rotate", body: undefined });
  expect(within(dialog).getByRole("status").textContent).toBe("Done: the agent has its new token.");
  expect(within(dialog).queryByRole("button", { name: "Rotate token" })).toBeNull();
  await press("Close", dialog);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test.for([
  [503, "no_responders", "the agent is not connected", "The agent is not connected, so it keeps its token."],
  [504, "timeout", "no reply within 10000 ms", "The agent did not answer in time."],
  [502, "disk_full", "the token cannot be stored", "the token cannot be stored"],
] as const)(
  "a rotation that failed with %i is explained, and can be tried again",
  async ([status, code, message, words]) => {
    const { manager, press, dialog } = await openRotation();
    manager.insteadOf.set("POST /api/agents/k3v/rotate", refusal(status, code, message));

    await press("Rotate token", dialog);
    expect(within(dialog).getByRole("alert").textContent).toContain(words);

    manager.insteadOf.set("POST /api/agents/k3v/rotate", { status: 204 });
    await press("Rotate token", dialog);
    expect(within(dialog).getByRole("alert").textContent).toBe("");
    expect(within(dialog).getByRole("status").textContent).toContain("Done");
  },
);

test("the page waits longer for a rotation than the manager waits for the agent", async () => {
  const { press, dialog } = await openRotation();
  const timeout = vi.spyOn(AbortSignal, "timeout");

  await press("Rotate token", dialog);

  expect(timeout.mock.calls.some(([ms]) => ms > 10_000)).toBe(true);
});

test("only an agent that is online is offered a rotation, and no item moves while the menu is open", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("gone", offline("lost"))];
  });
  await press("Actions for gone");
  expect(screen.queryByRole("menuitem", { name: /Rotate/ })).toBeNull();
  await user.keyboard("{Escape}");

  await press("Actions for edge-7");
  manager.agents = [agentJson("edge-7", offline("lost"))];
  await toldAll(manager);
  expect(screen.getByRole("menuitem", { name: /Rotate/ })).toBeTruthy();

  await user.keyboard("{Escape}");
  await pass(10);
  await press("Actions for edge-7");
  expect(screen.queryByRole("menuitem", { name: /Rotate/ })).toBeNull();
});
