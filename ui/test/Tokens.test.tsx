import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, type Manager, refusal, tokenJson } from "./manager.ts";
import { openPage, pass, row } from "./page.tsx";

async function openTokens(prepare: (manager: Manager) => void) {
  const opened = await openPage(prepare);
  await opened.user.click(screen.getByRole("link", { name: "Tokens" }));
  await pass(10);
  return opened;
}

test("tokens are listed with their state, uses and hosts; the secret is nowhere", async () => {
  const hosts = ["a", "b", "c", "d"].map((name) => ({ id: `id-${name}`, name: `${name}, as it enrolled` }));
  await openTokens((manager) => {
    manager.agents = [agentJson("a"), agentJson("b")];
    manager.tokens = [
      tokenJson("rack 4", { maxUses: 1_000, uses: 4, agents: hosts }),
      tokenJson("old", { status: "expired", expiresAt: Date.now() - 3 * 3_600_000 }),
      tokenJson(null, { status: "revoked", revokedAt: Date.now() - 120_000 }),
    ];
  });

  const rack = within(row("rack 4"));
  expect(rack.getByText("active")).toBeTruthy();
  expect(rack.getByText("4 of 1,000")).toBeTruthy();
  expect(rack.getByText(/^in (1h|59m)/)).toBeTruthy();
  expect(rack.getByRole("link", { name: "a" }).getAttribute("href")).toBe("/agents/id-a");
  expect(rack.getByText("c, as it enrolled").closest("a")).toBeNull();
  expect(rack.getByText("1 more")).toBeTruthy();
  expect(row("old").textContent).toContain("expired 3h ago");
  expect(row("unnamed").textContent).toContain("revoked 2m ago");
});

test("a token shows its labels, and the last host that it refused", async () => {
  await openTokens((manager) => {
    const refused = { code: "enrolment_used", at: Date.now() - 180_000, address: "203.0.113.40", hostname: "rack-9" };
    manager.tokens = [tokenJson("rack 4", { labels: ["edge", "env=prod"], lastRefusal: refused }), tokenJson("plain")];
  });
  expect(within(row("rack 4")).getByText("env=prod")).toBeTruthy();
  expect(row("rack 4").textContent).toContain(
    "refused 3m ago: rack-9 · 203.0.113.40the token has been used by as many hosts as it is for",
  );
  expect(row("plain").textContent).not.toContain("refused");
});

test("a token that expires while it is shown is shown so", async () => {
  await openTokens((manager) => {
    manager.tokens = [tokenJson("brief", { expiresAt: Date.now() + 5_000 })];
  });
  expect(screen.getByRole("button", { name: "Revoke brief" })).toBeTruthy();

  await pass(6_000);
  expect(row("brief").textContent).toContain("expired just now");
  expect(screen.queryByRole("button", { name: "Revoke brief" })).toBeNull();
});

test("a token is revoked only after a dialog that explains the effect, and the focus is not lost", async () => {
  const { manager, press } = await openTokens((manager) => {
    manager.tokens = [tokenJson("rack 4"), tokenJson("other")];
  });
  await press("Revoke rack 4");
  const dialog = screen.getByRole("dialog", { name: "Revoke this token?" });
  expect(dialog.textContent).toContain("Agents that have enrolled with it stay.");
  expect(manager.tokens[0]?.status).toBe("active");

  await press("Revoke token", dialog);
  expect(manager.received).toContainEqual({ method: "DELETE", path: "/api/admin/tokens/token-rack-4" });
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(row("rack 4").textContent).toContain("revoked just now");
  expect(within(row("other")).getByText("active")).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Enrolment tokens" }));
});

test("a host that enrols is shown beside its token at once", async () => {
  const { manager } = await openTokens((manager) => {
    manager.tokens = [tokenJson("rack 4")];
  });
  manager.agents = [agentJson("edge-7")];
  manager.tokens = [tokenJson("rack 4", { status: "used", uses: 1, agents: [{ id: "id-edge-7", name: "edge-7" }] })];
  manager.tellAll();
  await pass(1_000);

  expect(within(row("rack 4")).getByRole("link", { name: "edge-7" })).toBeTruthy();
  expect(within(row("rack 4")).getByText("used")).toBeTruthy();
});

test("the URL keeps which tokens are shown", async () => {
  const { user } = await openTokens((manager) => {
    manager.tokens = [tokenJson("good"), tokenJson("old", { status: "expired", expiresAt: Date.now() - 1_000 })];
  });
  await user.click(screen.getByRole("checkbox", { name: "Only active" }));
  await pass(1_000);
  expect(screen.getAllByRole("rowheader")).toHaveLength(1);
  expect(location.search).toBe("?show=active");
});

test("a list that cannot be read says why, and can be read again", async () => {
  const { manager, press } = await openTokens((manager) => {
    manager.insteadOf.set("GET /api/admin/tokens", refusal(503, "registry_unavailable", "the registry is away"));
    manager.tokens = [tokenJson("rack 4")];
  });
  expect(screen.getByText("the registry is away")).toBeTruthy();

  manager.insteadOf.clear();
  await press("Try again");
  expect(row("rack 4")).toBeTruthy();
});
