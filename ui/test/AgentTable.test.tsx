import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, offline } from "./manager.ts";
import { names, openPage, pass, row, toldAll } from "./page.tsx";

test("the header counts who is online", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b"), agentJson("c", offline("lost"))];
  });
  expect(screen.getByText("2 online / 3 agents")).toBeTruthy();

  manager.agents = [agentJson("a")];
  await toldAll(manager);
  expect(screen.getByText("1 online / 1 agent")).toBeTruthy();
});

test.for([
  ["stopped", "offline · stopped"],
  ["lost", "offline · connection lost"],
  ["lease_expired", "offline · fell silent"],
  ["replaced", "offline · replaced"],
  ["revoked", "offline · revoked"],
  ["manager_restart", "offline · manager restart"],
  ["policy", "offline · cut off by policy"],
  ["never_connected", "offline · never connected"],
] as const)("a badge says why an agent is offline, and its title what %s means", async ([reason, words]) => {
  await openPage((manager) => {
    manager.agents = [agentJson("up"), agentJson("down", offline(reason))];
  });

  expect(within(row("up")).getByText("online")).toBeTruthy();
  expect(within(row("down")).getByText(words)).toBeTruthy();
  expect(within(row("down")).getByTitle(/^offline · [\w ]+: .+\.$/)).toBeTruthy();
});

test("an unknown reason is shown as its code", async () => {
  await openPage((manager) => {
    manager.agents = [agentJson("down", offline("struck_by_lightning"))];
  });

  expect(within(row("down")).getByText("offline · struck by lightning")).toBeTruthy();
});

test("an agent that missed a beat counts as online, and its badge says that it is late", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("a", offline("lost")), agentJson("late", { reason: "late" })];
  });

  expect(screen.getByText("1 online / 2 agents")).toBeTruthy();
  expect(names()).toEqual(["late", "a"]);
  expect(within(row("late")).getByText("online · late")).toBeTruthy();
  expect(within(row("late")).getByTitle(/One heartbeat missed.*counts as offline/)).toBeTruthy();
  expect(within(row("late")).getByText(/connected since/)).toBeTruthy();

  manager.agents = [agentJson("a", offline("lost")), agentJson("late")];
  await toldAll(manager);
  expect(within(row("late")).getByText("online")).toBeTruthy();
  expect(screen.queryByText("Agent online ✓")).toBeNull();
});

test("a flapping agent is marked, whatever its status", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [
      agentJson("edge-7", { ...offline("lost"), flappingUntil: Date.now() + 60_000 }),
      agentJson("calm", { flappingUntil: Date.now() - 1 }),
    ];
  });

  expect(within(row("edge-7")).getByTitle("Flapping: five or more changes within ten minutes.")).toBeTruthy();
  expect(within(row("edge-7")).getByText("offline · connection lost")).toBeTruthy();
  expect(within(row("calm")).queryByText("Flapping")).toBeNull();

  manager.tell("registry.id-calm", { change: "flapping", flappingUntil: Date.now() + 120_000 });
  await pass(61_000);
  expect(within(row("edge-7")).queryByText("Flapping")).toBeNull();
  expect(within(row("calm")).getByText("Flapping")).toBeTruthy();
});

test("a row shows version, platform, address and when the agent was seen", async () => {
  await openPage((manager) => {
    manager.agents = [
      agentJson("pi", { version: "1.2.3", arch: "arm64", address: "198.51.100.4", lastSeen: Date.now() - 180_000 }),
      agentJson("gone", { ...offline("lost"), lastSeen: Date.now() - 180_000 }),
      agentJson("new", { ...offline("never_connected"), lastSeen: null, address: null }),
    ];
  });

  const pi = within(row("pi"));
  expect(pi.getByText("1.2.3")).toBeTruthy();
  expect(pi.getByText("linux/arm64")).toBeTruthy();
  expect(pi.getByText("198.51.100.4")).toBeTruthy();
  expect(pi.getByText(/connected since/)).toBeTruthy();
  // The feed tells of a beat that is missing, not of those that come.
  expect(pi.getByText("now")).toBeTruthy();
  const seen = within(row("gone")).getByText("3m ago");
  expect(seen.getAttribute("datetime")).toBe(new Date(Date.now() - 180_010).toISOString());
  expect(seen.title).toMatch(/\d:\d\d:\d\d/);
  expect(within(row("new")).getByText("never")).toBeTruthy();
  expect(within(row("new")).queryByText(/connected since/)).toBeNull();
});

test("relative times are updated without a word from the manager", async () => {
  await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { ...offline("lost"), lastSeen: Date.now() - 10_000 })];
  });
  expect(within(row("edge-7")).getByText("10s ago")).toBeTruthy();

  await pass(5_000);

  expect(within(row("edge-7")).getByText("15s ago")).toBeTruthy();
});

test("a browser's clock that is an hour off changes nothing", async () => {
  const hour = 3_600_000;
  await openPage((manager) => {
    manager.aheadMs = hour;
    const managerNow = Date.now() + hour;
    manager.agents = [
      agentJson("edge-7", { ...offline("lost"), lastSeen: managerNow - 150_000, flappingUntil: managerNow + 30_000 }),
      agentJson("edge-8", { ...offline("lost"), lastSeen: managerNow - 150_000, flappingUntil: managerNow - 30_000 }),
    ];
  });
  await pass(1_000);

  expect(within(row("edge-7")).getByText("2m ago")).toBeTruthy();
  expect(within(row("edge-7")).getByText("Flapping")).toBeTruthy();
  expect(within(row("edge-8")).queryByText("Flapping")).toBeNull();
  expect(screen.getByText("Live")).toBeTruthy();
});

test("a message that waited on its way does not put the manager's clock back", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7", { ...offline("lost"), lastSeen: Date.now() - 150_000 })];
  });

  manager.aheadMs = -3_600_000;
  manager.tell("fleet.late");
  await pass(1_000);

  expect(within(row("edge-7")).getByText("2m ago")).toBeTruthy();
});

test("online agents come first, then names in natural order", async () => {
  await openPage((manager) => {
    manager.agents = [
      agentJson("edge-10"),
      agentJson("alpha", offline("lost")),
      agentJson("Beta", offline("lost")),
      agentJson("edge-2"),
    ];
  });

  expect(names()).toEqual(["edge-2", "edge-10", "alpha", "Beta"]);
});

test("the filter appears if there are many agents, and finds by name, address and id", async () => {
  const { manager, user } = await openPage((manager) => {
    manager.agents = ["a1", "a2", "a3", "a4", "a5"].map((name) => agentJson(name));
  });
  expect(screen.queryByRole("searchbox")).toBeNull();

  manager.agents.push(agentJson("edge-7", { id: "k3v", address: "2001:db8::7" }));
  await toldAll(manager);
  const filter = screen.getByRole("searchbox", { name: "Filter agents" });
  for (const words of ["EDGE", "2001:db8", "k3v"]) {
    await user.clear(filter);
    await user.type(filter, words);
    expect(names()).toEqual(["edge-7"]);
  }

  await user.type(filter, "-nothing-like-it");
  expect(screen.queryByRole("table")).toBeNull();
  await user.click(screen.getByRole("button", { name: "Clear filter" }));
  expect(names()).toHaveLength(6);
});

test("a hostile name is text, in its row and in the dialogs", async () => {
  const hostile = `<img src=x onerror="alert(1)">\u202e${"w".repeat(33)}`;
  const { user, press } = await openPage((manager) => {
    manager.agents = [agentJson("first"), agentJson(hostile, { id: "h", hostname: "<b>host</b>" })];
  });

  expect(screen.getByTitle(hostile).textContent).toBe(hostile);
  expect(screen.getByText("<b>host</b>")).toBeTruthy();
  await press(`Actions for ${hostile}`);
  await user.click(screen.getByRole("menuitem", { name: /Remove/ }));
  expect(within(screen.getByRole("dialog")).getByText(hostile)).toBeTruthy();
  expect(document.querySelector("img, td b")).toBeNull();
});
