import { screen, within } from "@solidjs/testing-library";
import { expect, test, vi } from "vitest";
import { agentJson, eventJson, type Manager, offline, refusal } from "./manager.ts";
import { openPage, pass, toldAll } from "./page.tsx";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const id = "k3v5aaaaaa";
type Fields = Parameters<typeof agentJson>[1];
const edge7 = (fields: Fields = {}) => agentJson("edge-7", { id, ...fields });

/** Opens the dashboard at the page of the one agent. */
async function openAgent(prepare: (manager: Manager) => void = () => {}, at = id) {
  history.replaceState(null, "", `/agents/${at}`);
  window.dispatchEvent(new PopStateEvent("popstate"));
  const page = await openPage((manager) => {
    manager.agents = [edge7()];
    prepare(manager);
  });
  await pass(10);
  await pass(10);
  return page;
}

const drawer = () => screen.getByRole("region", { name: "edge-7" });
const section = (name: string) => within(screen.getByRole("region", { name }));
const fact = (term: string) => within(drawer()).getByText(term, { selector: "dt" }).nextElementSibling?.textContent;
const entries = () => within(screen.getByRole("list", { name: "Connection timeline" })).getAllByRole("listitem");
const asked = (manager: Manager, what = "events") =>
  manager.received.filter(({ path }) => path === `/api/agents/${id}/${what}`).length;

test("the page of an agent has its facts, and says what its status means", async () => {
  const { user } = await openAgent((manager) => {
    const fields = { hostname: "host-7", labels: ["door", "Küche"], flappingUntil: Date.now() + 2 * second };
    manager.agents = [edge7({ ...offline("lease_expired"), since: Date.now() - 3 * minute, ...fields })];
  });

  expect(within(drawer()).getByText("offline · fell silent")).toBeTruthy();
  expect(drawer().textContent).toContain("It sent no heartbeat for too long.");
  expect(drawer().textContent).toContain("Flapping: five or more changes within ten minutes.");
  expect(fact("Host name")).toBe("host-7");
  expect(fact("Labels")).toBe("doorKüche");
  expect(fact("Address")).toBe("203.0.113.9");
  expect(fact("Platform")).toBe("linux/amd64");
  expect(fact("Last seen")).toBe("5s ago");
  expect(fact("Offline since")).toMatch(/\d:\d\d/);
  await pass(2 * second);
  expect(within(drawer()).queryByText("Flapping")).toBeNull();

  const clipboard = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  await user.click(screen.getByRole("button", { name: "Copy", description: "Id" }));
  expect(clipboard).toHaveBeenCalledWith(id);
});

test("an agent that is removed elsewhere is said to be so, and the focus stays on its page", async () => {
  const { manager } = await openAgent();
  screen.getByRole("button", { name: "Ping" }).focus();

  manager.agents = [];
  await toldAll(manager);
  expect(screen.getByText(/was removed/).textContent).toBe("edge-7 was removed.");
  expect(document.activeElement).toBe(document.querySelector(".drawer"));
});

test.each(["unknown", "%", "%E0%A4%A"])("the page of an agent that does not exist says so: %j", async (at) => {
  await openAgent(() => {}, at);
  expect(screen.getByText("There is no such agent. It may have been removed.")).toBeTruthy();
});

test("the round trip and the skew are kept from the feed while the page is open", async () => {
  const { manager } = await openAgent();
  const drawn = () => screen.getByRole("img", { name: /^Round trip/ });
  expect(drawn().getAttribute("aria-label")).toBe("Round trip: 23 ms");

  for (const rttMs of [40, 12]) {
    await pass(30 * second);
    manager.tell(`presence.${id}`, { ...manager.agents[0], rttMs, skewMs: -2_300, lastSeen: Date.now() });
  }
  expect(drawn().getAttribute("aria-label")).toBe("Round trip: 12 ms – 40 ms");
  expect(drawn().querySelector("path")?.getAttribute("d")).toMatch(/^M0 60.*V0H.*V100H1000$/);
  expect(screen.getByText("-2.3 sec")).toBeTruthy();
  expect(within(drawer()).getAllByText(/since/).length).toBeGreaterThan(1);
});

test("the history is a bar of 24 hours, one of 7 days, and a list with the close codes in words", async () => {
  await openAgent((manager) => {
    manager.uptime = { day: 0.9998, week: 0.5555 };
    manager.events = [
      eventJson(90 * second, null),
      eventJson(2 * hour, 2 * hour - 90 * second, { ...offline("lost"), closeCode: 1006 }),
      eventJson(2 * day, 2 * day - 2 * hour, { address: "2001:db8::7" }),
      eventJson(3 * day, 1 * day, { ...offline("stopped"), closeCode: 4999, address: null }),
    ];
  });

  expect(screen.getByRole("img", { name: "Last 24 hours: 99.98% online, 1 outage, 0 other absences" })).toBeTruthy();
  const week = screen.getByRole("img", { name: "Last 7 days: 55.5% online, 1 outage, 1 other absence" });
  const titles = [...week.querySelectorAll("title")].map(({ textContent }) => textContent);
  expect(titles).toHaveLength(4);
  expect(titles.join("\n")).toMatch(/^offline · connection lost, 1h 58m from /m);
  const figures = within(drawer()).getAllByRole("figure");
  expect(figures.map(({ textContent }) => /since/.test(textContent ?? ""))).toEqual([false, true]);

  const words = entries().map(({ textContent }) => textContent);
  expect(words[0]).toMatch(/^online1m 30s so far.* · 203\.0\.113\.9$/);
  expect(words[1]).toContain("offline · connection lost1h 58m");
  expect(words[1]).toContain("Close code 1006: The connection broke.");
  expect(words[2]).toContain("2001:db8::7");
  expect(words[3]).toContain("Close code 4999: not one that the manager or the agent sends.");
});

test("a long history shows its newest entries, and all of them on demand", async () => {
  const { press } = await openAgent((manager) => {
    manager.events = Array.from({ length: 30 }, (_, n) => eventJson(n * minute, n === 0 ? null : minute));
  });
  expect(entries()).toHaveLength(5);
  await press("Show all 30");
  expect(entries()).toHaveLength(30);
  expect(document.activeElement).toBe(entries()[5]);
});

test("a change of status appears at once, existing entries stay, and nothing else is read again", async () => {
  const { manager } = await openAgent((manager) => {
    manager.events = [eventJson(hour, null)];
  });
  const [known] = entries();
  await pass(minute);
  expect(asked(manager)).toBe(1);

  manager.agents = [edge7({ ...offline("stopped"), since: Date.now() })];
  await toldAll(manager);
  expect(asked(manager)).toBe(2);
  expect(manager.unattended.filter(({ path }) => path.endsWith("/events"))).toHaveLength(2);
  manager.events = [
    eventJson(second, null, { ...offline("stopped"), closeCode: 1000 }),
    ...manager.events.map((event) => ({ ...event, durationMs: hour })),
  ];
  // The hub tells of a change before the database has it.
  await pass(5 * second);
  expect(asked(manager)).toBe(3);
  expect(entries()).toHaveLength(2);
  expect(entries()[1]).toBe(known);
  expect(entries()[0]?.textContent).toContain("Close code 1000: The agent was stopped.");
  await pass(minute);
  expect(asked(manager)).toBe(3);
});

test("an agent that never connected has an empty history", async () => {
  await openAgent((manager) => {
    manager.agents = [edge7(offline("never_connected"))];
  });
  expect(screen.getByText("No connection recorded yet.")).toBeTruthy();
  expect(screen.getByText("None: the agent is not connected.")).toBeTruthy();
});

test("if the history cannot be loaded, the reason is shown, and the history as soon as it can be", async () => {
  const { manager } = await openAgent((manager) => {
    manager.events = [eventJson(hour, null)];
    manager.insteadOf.set(`GET /api/agents/${id}/events`, refusal(503, "registry_unavailable", "the registry is away"));
  });
  const alert = section("Online over time").getByRole("alert");
  expect(alert.textContent).toBe("the registry is away");
  expect(fact("Host name")).toBe("edge-7");

  manager.insteadOf.clear();
  manager.answersTakeMs = second;
  await pass(5 * second + 10);
  expect(alert.textContent).toBe("the registry is away");
  await pass(second);
  expect(alert.textContent).toBe("");
  expect(entries()).toHaveLength(1);
});

test("the subscriptions are read once for each connection, and on demand", async () => {
  const { manager, press } = await openAgent();
  const shown = () =>
    section("Subscriptions")
      .getAllByRole("definition")
      .map(({ textContent }) => textContent);
  expect(section("Subscriptions").getByText("fleet.>")).toBeTruthy();
  expect(shown()).toEqual(["7", "0", "2"]);
  await pass(minute);
  expect(asked(manager, "subscriptions")).toBe(1);

  manager.subscriptions = { ...manager.subscriptions, dropped: 12_345 };
  await press("Read again");
  expect(shown()).toEqual(["7", "12,345", "2"]);

  manager.agents = [edge7({ since: Date.now() })];
  manager.subscriptions = { ...manager.subscriptions, patterns: ["agents.self.>"], dropped: 0 };
  await toldAll(manager);
  await pass(2 * second);
  expect(asked(manager, "subscriptions")).toBe(3);
  expect(section("Subscriptions").getByText("agents.self.>")).toBeTruthy();
});

test("a ping is an echo, and its time is measured by the page", async () => {
  const { manager, press } = await openAgent((manager) => {
    manager.reply = '{"data":"ping"}';
  });
  await press("Ping");
  expect(JSON.parse(manager.requests[0] ?? "")).toEqual({ subject: "test.echo", timeoutMs: 5_000, data: "ping" });
  expect(within(drawer()).getByText(/^Answered in/).textContent).toMatch(/^Answered in [\d.]+ m?s$/);

  manager.insteadOf.set(`POST /api/agents/${id}/request`, refusal(503, "no_responders", "nobody answers"));
  await press("Ping");
  expect(within(drawer()).getByText(/is not connected, or it does not answer/)).toBeTruthy();
});

test("a request goes out as it is typed, and its answer is shown as the agent has written it", async () => {
  const { manager, user, press } = await openAgent((manager) => {
    manager.reply = '{"data":{"big":9007199254740993,"b":[],"a":1e400,"a":"\\u0041"}}';
  });
  const ask = section("Send a request");
  const subject = ask.getByRole("textbox", { name: "Subject" });
  await user.clear(subject);
  await user.type(subject, "files.read");
  await user.click(ask.getByRole("textbox", { name: /^Data/ }));
  await user.paste('{ "n": 1.50, "n": 9007199254740993 }');
  await user.selectOptions(ask.getByRole("combobox", { name: "Wait up to" }), "15 seconds");
  await press("Send request");

  expect(manager.requests).toEqual([
    '{"subject":"files.read","timeoutMs":15000,"data":{ "n": 1.50, "n": 9007199254740993 }}',
  ]);
  expect(ask.getByRole("region", { name: "Answer" }).textContent).toBe(
    '{\n  "big": 9007199254740993,\n  "b": [],\n  "a": 1e400,\n  "a": "\\u0041"\n}',
  );
  expect(ask.getByText(/^Answered in/).textContent).toMatch(/\d m?s$/);

  manager.reply = "{}";
  await user.clear(ask.getByRole("textbox", { name: /^Data/ }));
  await press("Send request");
  expect(manager.requests[1]).toBe('{"subject":"files.read","timeoutMs":15000}');
  expect(ask.getByText(/^Answered, without data, in/)).toBeTruthy();
  expect(ask.queryByRole("region", { name: "Answer" })).toBeNull();
});

test("data that is not one JSON value is not sent", async () => {
  const { manager, user, press } = await openAgent();
  const data = section("Send a request").getByRole("textbox", { name: /^Data/ });
  await user.click(data);
  await user.paste('1},"timeoutMs":{');
  await press("Send request");

  expect(manager.requests).toEqual([]);
  expect(section("Send a request").getByText(/^This is not JSON/)).toBeTruthy();
  expect(document.activeElement).toBe(data);
  expect(data.getAttribute("aria-invalid")).toBe("true");
});

test.for([
  [
    504,
    "timeout",
    "no reply",
    "No answer came in time. The agent may still have acted on the request. (timeout: no reply)",
  ],
  [502, "disk_full", "no space left", "The agent answered: no space left (disk_full)"],
] as const)("a request that failed with %i %s is explained", async ([status, code, message, words]) => {
  const { manager, press } = await openAgent();
  manager.insteadOf.set(`POST /api/agents/${id}/request`, refusal(status, code, message));
  await press("Send request");
  expect(section("Send a request").getByText(words)).toBeTruthy();
});

test("when the session is over, the log-in lies over the page and keeps what was typed", async () => {
  const { manager, user, press } = await openAgent();
  const data = section("Send a request").getByRole<HTMLTextAreaElement>("textbox", { name: /^Data/ });
  await user.click(data);
  await user.paste("[1.0]");
  manager.loggedIn = false;
  await press("Send request");

  await user.type(screen.getByLabelText("Password"), manager.password);
  await press("Log in");
  expect(data.isConnected).toBe(true);
  expect(data.value).toBe("[1.0]");
  await press("Send request");
  expect(manager.requests.at(-1)).toContain('"data":[1.0]}');
});

test("what can be done with the agent is on its page; after its removal the list has the focus", async () => {
  const { manager, user, press } = await openAgent();
  await press("Rename…");
  await user.type(screen.getByLabelText("Name"), "-new{Enter}");
  await pass(10);
  expect(screen.getByRole("heading", { name: "edge-7-new" })).toBeTruthy();

  manager.insteadOf.set(`POST /api/agents/${id}/rotate`, { status: 204 });
  await press("Rotate token…");
  await press("Rotate token");
  expect(screen.getByText("Done: the agent has its new token.")).toBeTruthy();
  await press("Close", screen.getByRole("dialog"));

  await press("Revoke…");
  await press("Revoke agent");
  expect(screen.queryByRole("button", { name: "Revoke…" })).toBeNull();
  expect(document.activeElement).toBe(document.querySelector(".drawer"));

  await press("Remove…");
  await user.keyboard("k3v5aaaa{Enter}");
  await pass(10);
  expect(manager.agents).toEqual([]);
  expect(location.pathname).toBe("/agents");
  expect(document.querySelector(".drawer")).toBeNull();
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Agents" }));
});

test("a clone is shown with its hosts, and can be separated", async () => {
  const { manager, press } = await openAgent((manager) => {
    const first = { address: "192.0.2.1", hostname: "a", seenAt: 0 };
    manager.agents = [edge7({ clone: { at: Date.now(), first, second: { ...first, address: "192.0.2.2" } } })];
    manager.insteadOf.set(`POST /api/agents/${id}/separate`, { status: 202, body: { agentId: null } });
  });
  expect(drawer().textContent).toContain("192.0.2.1 and 192.0.2.2");
  await press("Give the copy its own identity…");
  await press("Separate the copy");
  expect(manager.received.some(({ path }) => path.endsWith("/separate"))).toBe(true);
  expect(screen.getByText("It will be done when the second host is back, within minutes.")).toBeTruthy();
});
