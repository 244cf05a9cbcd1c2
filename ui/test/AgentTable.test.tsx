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
  expect(names()).toEqual(["a", "late"]);
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

test("trouble comes first, then who is online, then who is meant to be away, each in the natural order of names", async () => {
  const clone = {
    at: Date.now(),
    first: { address: "192.0.2.1", hostname: "a" },
    second: { address: null, hostname: "b" },
  };
  await openPage((manager) => {
    manager.agents = [
      agentJson("edge-10"),
      agentJson("gone", offline("stopped")),
      agentJson("Édge-3"),
      agentJson("void", offline("revoked")),
      agentJson("edge-2"),
      agentJson("z-lost", offline("lost")),
      agentJson("y-silent", offline("lease_expired")),
      agentJson("x-late", { reason: "late" }),
      agentJson("w-flapping", { flappingUntil: Date.now() + 60_000 }),
      agentJson("v-clone", { clone, hostname: "v-clone" }),
      agentJson("u-unknown", offline("struck_by_lightning")),
    ];
  });

  const trouble = ["u-unknown", expect.stringMatching(/^v-clone/), "w-flapping", "x-late", "y-silent", "z-lost"];
  expect(names()).toEqual([...trouble, "edge-2", "Édge-3", "edge-10", "gone", "void"]);
});

test("the counts are filters, and the URL keeps the choice", async () => {
  const { manager, press } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b", offline("lost")), agentJson("c", offline("stopped"))];
  });
  await press("Trouble 1");
  expect(names()).toEqual(["b"]);
  expect(screen.getByRole("button", { name: "Trouble 1" }).getAttribute("aria-pressed")).toBe("true");
  await press("Offline 2");
  expect(names()).toEqual(["b", "c"]);
  await press("Online 1");
  await pass(1_000);
  expect(names()).toEqual(["a"]);
  expect(location.search).toBe("?show=online");

  manager.agents = [agentJson("a", offline("lost")), agentJson("b"), agentJson("c", offline("stopped"))];
  await toldAll(manager);
  expect(names()).toEqual(["b"]);
  await press("Trouble 1");
  manager.agents = manager.agents.map((agent) => agentJson(agent.name));
  await toldAll(manager);
  await pass(10);
  expect(screen.getByText("No agent is in trouble.")).toBeTruthy();
  await press("Show all agents");
  expect(names()).toEqual(["a", "b", "c"]);
});

test("the search appears if there are many agents, and looks at all that is on the screen, in any case", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = ["a1", "a2", "a3", "a4", "a5"].map((name) => agentJson(name));
  });
  expect(screen.queryByRole("searchbox")).toBeNull();

  const found = { id: "k3v", address: "2001:db8::7", hostname: "Straße", version: "9.9-rc", labels: ["Küche"] };
  manager.agents.push(agentJson("edge-7", found));
  await toldAll(manager);
  const search = screen.getByRole("searchbox", { name: "Search agents" });
  for (const words of ["EDGE", "2001:DB8", "k3v", "STRASSE", "9.9-RC", "KÜCHE"]) {
    await user.clear(search);
    await user.type(search, words);
    expect(screen.getByRole("rowheader").textContent).toContain("edge-7");
  }

  await user.type(search, "-nothing-like-it");
  expect(screen.queryByRole("table")).toBeNull();
  await press("Show all agents");
  expect(names()).toHaveLength(6);
});

test("a click on the head of a column sorts by it, and another one turns the order round", async () => {
  const { press } = await openPage((manager) => {
    manager.agents = [
      agentJson("a", { address: "192.0.2.10", version: "1.10.0" }),
      agentJson("b", { address: "192.0.2.9", version: "1.9.0" }),
      agentJson("c", { ...offline("lost"), address: "192.0.2.11", lastSeen: 5 }),
    ];
  });
  const sorted = () =>
    screen
      .getAllByRole("columnheader")
      .flatMap((head) => (head.ariaSort ? [`${head.textContent} ${head.ariaSort}`] : []));
  expect(sorted()).toEqual(["Status ascending"]);

  await press("Address");
  expect(names()).toEqual(["b", "a", "c"]);
  expect(sorted()).toEqual(["Address ascending"]);
  await press("Address");
  expect(names()).toEqual(["c", "a", "b"]);
  expect(sorted()).toEqual(["Address descending"]);
  await press("Last seen");
  expect(names()).toEqual(["c", "a", "b"]);
  await press("Version");
  expect(names()).toEqual(["c", "b", "a"]);
  await pass(1_000);
  expect(location.search).toBe("?sort=version");
});

test("agents with the same name are told apart, and one without a readable name is called so", async () => {
  await openPage((manager) => {
    manager.agents = [
      agentJson("web", { id: "aaaaaaaaaaaa" }),
      agentJson("web", { id: "bbbbbbbbbbbb" }),
      agentJson("\u200b\u2060 ", { id: "cccccccccccc", hostname: "c" }),
    ];
  });

  expect(names().slice(-2)).toEqual(["webaaaaaaaa", "webbbbbbbbb"]);
  expect(screen.getByRole("rowheader", { name: /^unnamed cccccccc/ })).toBeTruthy();
  expect(screen.getByRole("button", { name: "Actions for unnamed cccccccc" })).toBeTruthy();
});

test("of a long list only the rows near the window exist, and each says which one it is", async () => {
  await openPage((manager) => {
    manager.agents = Array.from({ length: 500 }, (_, n) => agentJson(`edge-${n}`));
  });

  const rows = screen.getAllByRole("rowheader");
  expect(rows.length).toBeLessThan(40);
  expect(screen.getByRole("table", { name: "Agents" }).getAttribute("aria-rowcount")).toBe("501");
  expect(row("edge-7").getAttribute("aria-rowindex")).toBe("9");
});

test("keys go from row to row in the same column, also to rows that are far away", async () => {
  const { user } = await openPage((manager) => {
    manager.agents = Array.from({ length: 500 }, (_, n) => agentJson(`edge-${String(n).padStart(3, "0")}`));
  });
  const focused = () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent;
  screen.getByRole("link", { name: "edge-000" }).focus();

  await user.keyboard("{ArrowUp}");
  expect(focused()).toBe("edge-000");
  await user.keyboard("{ArrowDown}{ArrowDown}");
  expect(focused()).toBe("edge-002");
  await user.keyboard("{End}");
  expect(focused()).toBe("edge-499");
  await user.keyboard("{ArrowDown}{ArrowUp}");
  expect(focused()).toBe("edge-498");
  await user.keyboard("{Home}");
  expect(focused()).toBe("edge-000");
  screen.getByRole("button", { name: "Actions for edge-001" }).focus();
  await user.keyboard("{ArrowDown}");
  expect(focused()).toBe("Actions for edge-002");
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
