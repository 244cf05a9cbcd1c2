import { screen, within } from "@solidjs/testing-library";
import { expect, test, vi } from "vitest";
import { agentJson, type Manager, offline, refusal } from "./manager.ts";
import { openPage, pass, toldAll } from "./page.tsx";

test("an operator without agents is shown how to add one", async () => {
  await openPage();

  expect(await screen.findByRole("heading", { name: "No agents yet" })).toBeTruthy();
  await pass(10);
  expect(document.body.textContent).toContain(`zedops-agent --manager=${location.origin} --token-file=-`);
  expect(document.body.textContent).toContain("make agent-run");
  expect(screen.getByRole("button", { name: "Add agent" })).toBeTruthy();
});

const servesAgents = (manager: Manager) =>
  manager.insteadOf.set("GET /download/agents.json", { status: 200, body: { version: "1.1.0", binaries: [] } });

test("a manager that serves the agent shows the line that installs it", async () => {
  const page = await openPage((manager) => servesAgents(manager));
  await screen.findByRole("heading", { name: "No agents yet" });
  await pass(10);
  const line = `curl -fsSL ${location.origin}/install.sh | sh`;
  expect(document.body.textContent).toContain(line);
  expect(document.body.textContent).not.toContain("--token-file");

  await page.press("Add agent");
  await page.press("Create token");
  await pass(10);
  const dialog = screen.getByRole("dialog", { name: "Add agent" });
  const [command, token] = [...dialog.querySelectorAll(".copy-box code")].map((code) => code.textContent);
  expect(command).toBe(line);
  expect(token).toBe(page.manager.token);
  expect(dialog.textContent).toContain("release 1.1.0 of the agent");
  expect(dialog.textContent).not.toContain("make agent GOOS");
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

/** Opens the dialog and mints a token, as the operator has filled in the form. */
async function mint(fill: (dialog: ReturnType<typeof within>, page: Page) => Promise<void> = async () => {}) {
  const page = await openPage((manager) => {
    manager.agents = [agentJson("old")];
  });
  await page.press("Add agent");
  const dialog = within(screen.getByRole("dialog", { name: "Add agent" }));
  await fill(dialog, page);
  await page.press("Create token");
  await pass(10);
  return { ...page, dialog };
}
type Page = Awaited<ReturnType<typeof openPage>>;

const hosts = (dialog: ReturnType<typeof within>) =>
  within(dialog.getByText(/online|enrolled/, { selector: "[role=status]" }).closest(".arrival") as HTMLElement)
    .getAllByRole("listitem")
    .map(({ textContent }) => textContent);
const tokenReadings = ({ manager }: Page) =>
  manager.received.filter(({ method, path }) => method === "GET" && path.startsWith("/api/admin/tokens/")).length;

test("adding an agent mints a token that is not part of the command, and shows when its host is online", async () => {
  const { manager, user, dialog } = await mint(async (form, { user }) => {
    await user.type(form.getByLabelText(/^Name/), "edge-7");
  });

  expect(manager.received).toContainEqual({
    method: "POST",
    path: "/api/admin/tokens",
    body: { name: "edge-7", ttlSeconds: 3_600, maxUses: 1 },
  });
  const [command, token] = [...document.querySelectorAll("dialog .copy-box code")].map((code) => code.textContent);
  expect(command).toBe(`zedops-agent --manager=${location.origin} --token-file=-`);
  expect(token).toBe(manager.token);
  expect(dialog.getByText(/The binary comes from/).textContent).toContain("make agent GOOS=… GOARCH=…");
  expect(dialog.getByRole("status").textContent).toBe("Waiting for the host…");

  manager.enrol(agentJson("edge-7", { ...offline("never_connected"), hostname: "raw-7" }));
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("The host has enrolled, but is not online.");
  expect(hosts(dialog)[0]).toContain("offline · never connected");
  manager.agents = [agentJson("old"), agentJson("edge-7", { hostname: "raw-7" })];
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("The host is online ✓");
  expect(hosts(dialog)).toEqual(["edge-7onlineraw-7 · 203.0.113.9"]);
  expect(dialog.getByText(/Not your host\?/)).toBeTruthy();

  await user.click(dialog.getByRole("button", { name: "Done" }));
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(document.body.textContent).not.toContain(manager.token);
});

test("a host of another token is not the one that is waited for", async () => {
  const { manager, dialog } = await mint();
  manager.agents = [agentJson("old"), agentJson("stranger")];
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("Waiting for the host…");

  manager.enrol(agentJson("mine"));
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("The host is online ✓");
  expect(hosts(dialog)).toEqual(["mineonlinemine · 203.0.113.9"]);
});

test("the hosts of a token for several are listed as they come", async () => {
  const { manager, dialog } = await mint(async (form, { user }) => {
    await user.clear(form.getByRole("spinbutton", { name: "Number of hosts" }));
    await user.type(form.getByRole("spinbutton", { name: "Number of hosts" }), "3");
    await user.selectOptions(form.getByRole("combobox", { name: "Valid for" }), "7 days");
  });
  expect(manager.received.find(({ method }) => method === "POST")?.body).toEqual({ ttlSeconds: 604_800, maxUses: 3 });
  await pass(3_000);
  expect(dialog.getByText(/for 3 hosts, and valid for 6d 23h more/)).toBeTruthy();
  expect(dialog.getByRole("status").textContent).toBe("Waiting for the first host…");

  manager.enrol(agentJson("a"));
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("1 of 3 hosts have enrolled, 1 online.");
  manager.enrol(agentJson("b", offline("lost")));
  manager.enrol(agentJson("c"));
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("3 of 3 hosts have enrolled, 2 online.");
  expect(hosts(dialog).map((words) => words?.[0])).toEqual(["c", "b", "a"]);
  expect(hosts(dialog)[1]).toContain("Its connection broke");
});

test("a token counts down until it has expired, by the manager's clock", async () => {
  const { manager, press, dialog } = await mint(async (form, { user }) => {
    await user.selectOptions(form.getByRole("combobox", { name: "Valid for" }), "15 minutes");
  });
  await pass(3_000);
  expect(dialog.getByText(/valid for 14m 5\ds more/)).toBeTruthy();
  await pass(10 * 60_000);
  expect(dialog.getByText(/valid for 4m 5\ds more/)).toBeTruthy();
  await pass(5 * 60_000);
  expect(dialog.getByRole("status").textContent).toBe("The token has expired, and no host has used it.");

  await press("Create another token");
  expect(dialog.getByLabelText(/^Name/)).toBe(document.activeElement);
  await press("Create token");
  expect(manager.tokens).toHaveLength(2);
});

test("a token can be revoked where it is shown; one that another operator revokes is noticed", async () => {
  const { manager, press, dialog } = await mint();
  await press("Revoke token");
  expect(manager.received).toContainEqual({ method: "DELETE", path: "/api/admin/tokens/e0", body: undefined });
  expect(dialog.getByRole("status").textContent).toBe("The token is revoked, and no host has used it.");

  await press("Create another token");
  await press("Create token");
  await pass(10);
  for (const token of manager.tokens) token.status = "revoked";
  await pass(15_000);
  expect(dialog.getByRole("status").textContent).toBe("The token is revoked, and no host has used it.");
});

test("a token whose host was removed says so", async () => {
  const { manager, dialog } = await mint();
  manager.enrol(agentJson("brief"));
  await toldAll(manager);
  manager.agents = [];
  for (const token of manager.tokens) token.agents = [];
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("A host has used the token, and has been removed since.");
});

test("the token is read every 5 seconds and when an agent is new, and less often once it is used", async () => {
  const page = await mint();
  const { manager } = page;
  expect(tokenReadings(page)).toBe(1);
  await pass(24_000);
  expect(tokenReadings(page)).toBe(5);
  manager.enrol(agentJson("mine"));
  await toldAll(manager);
  expect(tokenReadings(page)).toBe(6);
  await pass(59_000);
  expect(tokenReadings(page)).toBe(9);
});

test("a host that the token refuses is told of, with the reason", async () => {
  const { manager, dialog } = await mint();
  const news = () => dialog.getAllByRole("alert")[0]?.textContent;
  expect(news()).toBe("");

  manager.refuse({ code: "invalid_data", hostname: "rack-7" });
  await pass(5_000);
  expect(news()).toMatch(
    /^A host was refused at .+: with the labels of the token it would have more than 16\. rack-7 · 203\.0\.113\.40$/,
  );
  expect(dialog.getByRole("status").textContent).toBe("Waiting for the host…");

  // Another host was faster.
  manager.enrol(agentJson("stranger"));
  await toldAll(manager);
  expect(dialog.getByRole("status").textContent).toBe("The host is online ✓");
  manager.refuse({ code: "enrolment_used" });
  await pass(15_000);
  expect(news()).toMatch(/: the token has been used by as many hosts as it is for\. 203\.0\.113\.40$/);

  manager.refuse({ code: "out_of_luck", address: null });
  await pass(15_000);
  expect(news()).toMatch(/: out of luck\. unknown address$/);
});

test("labels are typed one by one, and are the token's", async () => {
  const { manager } = await mint(async (form, { user, press }) => {
    const field = form.getByRole("combobox", { name: /^Labels/ });
    await user.type(field, "env=prod{Enter}");
    await user.type(field, "rack 9{Enter}");
    expect(form.getByText(/^The key must have/)).toBeTruthy();
    expect(field.getAttribute("aria-invalid")).toBe("true");
    await user.clear(field);
    await user.type(field, "env=lab");
    await press("Add the label");
    await user.type(field, "edge{Enter}gone{Enter}");
    await press("Remove gone");
    expect(document.activeElement).toBe(field);
    expect(within(form.getByRole("list", { name: "Labels" })).getAllByRole("button")).toHaveLength(2);
    // What is typed counts, added or not.
    await user.type(field, "zone=b");
  });
  expect(manager.received.find(({ method, path }) => method === "POST" && path === "/api/admin/tokens")?.body).toEqual({
    ...{ ttlSeconds: 3_600, maxUses: 1 },
    labels: ["env=lab", "edge", "zone=b"],
  });
});

test("a label that is wrong keeps the form, and labels that agents have are suggested", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [
      agentJson("a", { labels: ["edge", "env=prod"] }),
      agentJson("b", { labels: ["env=prod", "env=lab"] }),
    ];
  });
  await press("Add agent");
  const dialog = within(screen.getByRole("dialog"));
  const field = dialog.getByRole("combobox", { name: /^Labels/ });
  const suggested = () => {
    const list = document.getElementById(field.getAttribute("list") ?? "");
    return [...(list?.querySelectorAll("option") ?? [])].map(({ value }) => value);
  };
  expect(suggested()).toEqual(["edge", "env=prod", "env=lab"]);
  await user.type(field, "LAB");
  expect(suggested()).toEqual(["env=lab"]);

  await user.clear(field);
  await user.type(field, "=x");
  await press("Create token");
  expect(dialog.getByText(/^The key must have/)).toBeTruthy();
  expect(manager.tokens).toHaveLength(0);
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

  expect(within(screen.getByRole("dialog")).getByText("name has a control character").getAttribute("role")).toBe(
    "alert",
  );
});
