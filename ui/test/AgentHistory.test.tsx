import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, eventJson, type Manager, offline, refusal } from "./manager.ts";
import { openPage, pass, toldAll } from "./page.tsx";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Opens the page with one agent, and its history. */
async function openHistory(prepare: (manager: Manager) => void = () => {}) {
  const page = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v" })];
    prepare(manager);
  });
  await page.press("Actions for edge-7");
  await page.user.click(screen.getByRole("menuitem", { name: "History" }));
  await pass(10);
  return { ...page, dialog: screen.getByRole("dialog", { name: "Connection history" }) };
}

/** The cells of the timeline without its head, from top to bottom. */
function entries(dialog: HTMLElement): (string | null)[][] {
  return within(dialog)
    .getAllByRole("row")
    .slice(1)
    .map((entry) => within(entry).getAllByRole("cell"))
    .map((cells) => cells.map((cell) => cell.textContent));
}

const asked = (manager: Manager) => manager.received.filter(({ path }) => path === "/api/agents/k3v/events").length;

test("the history shows every connection and outage in words, newest first", async () => {
  const { manager, dialog } = await openHistory((manager) => {
    manager.events = [
      eventJson(90 * second, null),
      eventJson(2 * hour + 4 * minute, 2 * hour + 2 * minute + 30 * second, { ...offline("lost"), closeCode: 1006 }),
      eventJson(2 * day, 300, { address: "2001:db8::7" }),
      eventJson(30 * day, 25 * hour, { ...offline("never_connected"), address: null }),
    ];
  });

  expect(entries(dialog).map(([, ...cells]) => cells)).toEqual([
    ["online", "1m 30s so far", "203.0.113.9", "–"],
    ["offline · connection lost", "2h 2m", "203.0.113.9", "1006"],
    ["online", "<1s", "2001:db8::7", "–"],
    ["offline · never connected", "1d 1h", "–", "–"],
  ]);
  const [newest] = dialog.querySelectorAll("time");
  expect(newest?.dateTime).toBe(new Date(manager.events[0]?.at ?? 0).toISOString());
  expect(newest?.textContent).toMatch(/\d:\d\d:\d\d/);
});

test.for([
  [1, "100%"],
  [0.999_999, "99.99%"],
  [0.9998, "99.98%"],
  [0.995, "99.5%"],
  [0.9, "90%"],
  [0.5555, "55.5%"],
  [0.0012, "0.12%"],
  [0.000_001, "<0.01%"],
  [0, "0%"],
  [null, "–"],
] as const)("an uptime of %d reads %s", async ([share, words]) => {
  const { dialog } = await openHistory((manager) => {
    manager.uptime = { day: share, week: 0.25 };
  });

  const shares = within(dialog)
    .getAllByRole("definition")
    .map((shown) => shown.textContent);
  expect(shares).toEqual([words, "25%"]);
});

test("the agent's current state is shown above its history, with an explanation, and stays up to date", async () => {
  const { manager, dialog } = await openHistory((manager) => {
    manager.agents = [agentJson("edge-7", { id: "k3v", reason: "late", flappingUntil: Date.now() + 2_000 })];
  });
  expect(within(dialog).getByText("edge-7")).toBeTruthy();
  expect(within(dialog).getByText("online · late")).toBeTruthy();
  expect(within(dialog).getByText("Flapping")).toBeTruthy();
  expect(dialog.textContent).toContain("One heartbeat missed.");
  expect(dialog.textContent).toContain("Flapping: five or more changes within ten minutes.");

  manager.agents = [agentJson("edge-7", { id: "k3v", ...offline("lease_expired") })];
  await toldAll(manager);
  expect(within(dialog).getByText("offline · fell silent")).toBeTruthy();
  expect(within(dialog).getByText("Flapping")).toBeTruthy();
  await pass(2_000);
  expect(within(dialog).queryByText("Flapping")).toBeNull();
});

test("a change of status appears in the open history at once, and existing rows stay", async () => {
  const { manager, dialog } = await openHistory((manager) => {
    manager.events = [eventJson(hour, null)];
  });
  const known = within(dialog).getAllByRole("row")[1];

  manager.agents = [agentJson("edge-7", { id: "k3v", ...offline("stopped"), since: Date.now() })];
  manager.events = [
    eventJson(1.5 * second, null, { ...offline("stopped"), closeCode: 1000 }),
    ...manager.events.map((event) => ({ ...event, durationMs: hour })),
  ];
  await toldAll(manager);
  await pass(10);

  expect(entries(dialog).map(([, state, duration]) => [state, duration])).toEqual([
    ["offline · stopped", "2s so far"],
    ["online", "1h"],
  ]);
  expect(within(dialog).getAllByRole("row")[2]).toBe(known);
});

test("an open history is read again when its agent comes or goes, and only then", async () => {
  const { manager, press, dialog } = await openHistory((manager) => {
    manager.events = [eventJson(10 * second, null)];
  });
  await pass(60 * second);
  expect(asked(manager)).toBe(1);
  expect(entries(dialog)[0]).toContain("1m 10s so far");

  manager.agents = [agentJson("edge-7", { id: "k3v", since: Date.now() })];
  await toldAll(manager);
  expect(asked(manager)).toBe(2);
  expect(manager.unattended.filter(({ path }) => path.endsWith("/events"))).toHaveLength(1);

  await press("Close", dialog);
  manager.agents = [agentJson("edge-7", { id: "k3v", since: Date.now() })];
  await toldAll(manager);
  expect(asked(manager)).toBe(2);
});

test("a timeline that does not have the change yet is read again until it has", async () => {
  const { manager, dialog } = await openHistory((manager) => {
    manager.events = [eventJson(hour, null)];
  });
  manager.agents = [agentJson("edge-7", { id: "k3v", ...offline("stopped"), since: Date.now() })];
  await toldAll(manager);
  expect(asked(manager)).toBe(2);

  manager.events = [eventJson(second, null, offline("stopped")), ...manager.events];
  await pass(5 * second);
  expect(asked(manager)).toBe(3);
  expect(entries(dialog)[0]?.[1]).toBe("offline · stopped");
  await pass(60 * second);
  expect(asked(manager)).toBe(3);
});

test("an agent that never connected has an empty history", async () => {
  const { dialog } = await openHistory();

  expect(within(dialog).getByText("No connection recorded yet.")).toBeTruthy();
  expect(within(dialog).queryByRole("table")).toBeNull();
});

test("if the history cannot be loaded, the reason is shown, and the history as soon as it can be", async () => {
  const { manager, dialog } = await openHistory((manager) => {
    manager.events = [eventJson(hour, null)];
    manager.insteadOf.set("GET /api/agents/k3v/events", refusal(503, "registry_unavailable", "the registry is away"));
  });
  const alert = within(dialog).getByRole("alert");
  expect(alert.textContent).toBe("the registry is away");
  expect(within(dialog).queryByText("No connection recorded yet.")).toBeNull();

  manager.insteadOf.clear();
  manager.answersTakeMs = second;
  await pass(5 * second + 10);
  expect(alert.textContent).toBe("the registry is away");
  await pass(second);
  expect(alert.textContent).toBe("");
  expect(entries(dialog)).toHaveLength(1);

  manager.reachable = false;
  manager.agents = [agentJson("edge-7", { id: "k3v" })];
  await toldAll(manager);
  expect(alert.textContent).toBe("The manager cannot be reached.");
  expect(entries(dialog)).toHaveLength(1);
});

test("an invalid history is an error, not an empty history", async () => {
  const { dialog } = await openHistory((manager) => {
    manager.insteadOf.set("GET /api/agents/k3v/events", { status: 200, body: [{ ...eventJson(0, null), at: "now" }] });
  });

  expect(within(dialog).getByRole("alert").textContent).toBe("The answer is invalid: at is not a number.");
});

test("the history can be used with the keyboard alone", async () => {
  const { user, dialog } = await openHistory((manager) => {
    manager.events = [eventJson(hour, null)];
  });
  const close = within(dialog).getByRole("button", { name: "Close" });
  expect(document.activeElement).toBe(close);

  await user.tab({ shift: true });
  expect(document.activeElement).toBe(within(dialog).getByRole("region", { name: "Connection timeline" }));

  await user.tab();
  await user.keyboard("{Enter}");
  expect(screen.queryByRole("dialog")).toBeNull();
});
