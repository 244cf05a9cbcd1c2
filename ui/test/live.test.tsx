import { screen, within } from "@solidjs/testing-library";
import { afterEach, expect, test, vi } from "vitest";
import { agentJson, type Manager, offline, refusal } from "./manager.ts";
import { names, openPage, pass, row, toldAll } from "./page.tsx";

const second = 1_000;
const minute = 60 * second;

function setVisibility(state: DocumentVisibilityState): void {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(state);
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}

afterEach(() => setVisibility("visible"));

const oneAgent = (manager: Manager) => {
  manager.agents = [agentJson("edge-7")];
};

test("a change on the feed is on the screen at once", async () => {
  const { manager } = await openPage(oneAgent);
  expect(screen.getByText("Live")).toBeTruthy();

  manager.tell("presence.id-edge-7", { ...agentJson("edge-7"), ...offline("lost") });

  expect(within(row("edge-7")).getByText("offline · connection lost")).toBeTruthy();
  expect(screen.getByText("0 online / 1 agent")).toBeTruthy();
});

test("an idle page asks for nothing for ten minutes, and then for the list", async () => {
  const { manager } = await openPage(oneAgent);
  const { length } = manager.received;

  await pass(10 * minute - second);
  expect(manager.received).toHaveLength(length);
  expect(screen.getByText("Live")).toBeTruthy();

  await pass(second);
  expect(manager.received).toHaveLength(length + 1);
});

test("a request that no person has asked for says so", async () => {
  const { manager, user } = await openPage(oneAgent);
  expect(manager.unattended).toHaveLength(0);

  await pass(10 * minute);
  expect(manager.unattended).toHaveLength(1);

  await user.click(screen.getByRole("heading", { name: "Agents" }));
  await pass(10 * minute);
  expect(manager.unattended).toHaveLength(1);
  await pass(10 * minute);
  expect(manager.unattended).toHaveLength(2);
});

test("a page that is looked at again checks its sockets at once and reads the list, once", async () => {
  const { manager } = await openPage(oneAgent);
  setVisibility("hidden");
  await pass(30 * minute);
  expect(manager.readings()).toBe(1);
  const [socket] = manager.openSockets;
  const beats = socket?.beats.length ?? 0;

  setVisibility("visible");
  expect(socket?.beats).toHaveLength(beats + 1);
  setVisibility("hidden");
  setVisibility("visible");
  await pass(second);
  expect(manager.readings()).toBe(2);
});

test("hubs are asked only if the feed may have missed something", async () => {
  const { manager } = await openPage(oneAgent);
  const live = () => manager.readings() - manager.recordedReadings;
  expect([live(), manager.recordedReadings]).toEqual([1, 0]);
  await pass(10 * minute);
  expect([live(), manager.recordedReadings]).toEqual([1, 1]);

  manager.openSockets[0]?.closedWith(1006);
  await pass(minute);
  expect([live(), manager.recordedReadings]).toEqual([2, 1]);
  await pass(10 * minute);
  expect([live(), manager.recordedReadings]).toEqual([2, 2]);
});

test("a list of several pages is read whole", async () => {
  const { manager } = await openPage((manager) => {
    manager.pageSize = 2;
    manager.agents = ["a", "b", "c", "d", "e"].map((name) => agentJson(name));
  });

  expect(names()).toEqual(["a", "b", "c", "d", "e"]);
  expect(manager.readings()).toBe(3);
});

test("rows, the focus and an open menu survive changes of everything in them", async () => {
  const { manager, press } = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("edge-8")];
  });
  const before = row("edge-7");
  await press("Actions for edge-7");
  const item = screen.getByRole("menuitem", { name: "Details" });
  expect(document.activeElement).toBe(item);

  manager.agents = [
    agentJson("aardvark"),
    agentJson("edge-7", { ...offline("lost"), version: "2.0.0", lastSeen: Date.now() }),
    agentJson("edge-8", { address: "192.0.2.1" }),
  ];
  await toldAll(manager);

  expect(row("edge-7")).toBe(before);
  expect(within(before).getByText("2.0.0")).toBeTruthy();
  expect(screen.getByRole("menuitem", { name: "Details" })).toBe(item);
  expect(document.activeElement).toBe(item);
});

test("a change of one agent touches no other row", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b"), agentJson("c")];
  });
  const touched: Node[] = [];
  const observer = new MutationObserver((records) => touched.push(...records.map(({ target }) => target)));
  observer.observe(screen.getByRole("table"), {
    subtree: true,
    childList: true,
    attributes: true,
    characterData: true,
  });

  manager.tell("presence.id-b", { ...agentJson("b"), reason: "late" });
  await pass(10);
  observer.disconnect();

  expect(within(row("b")).getByText("online · late")).toBeTruthy();
  expect(touched.length).toBeGreaterThan(0);
  expect(touched.every((node) => row("b").contains(node))).toBe(true);
});

test("no row moves while a menu is open; rows move when it is closed", async () => {
  const { manager, user, press } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b"), agentJson("c")];
  });
  await press("Actions for a");
  manager.agents = [agentJson("a"), agentJson("b"), agentJson("c", offline("lost"))];
  await toldAll(manager);
  expect(names()).toEqual(["a", "b", "c"]);

  await user.keyboard("{Escape}");
  await pass(10);
  expect(names()).toEqual(["c", "a", "b"]);
});

test("rows change places once a second at most, and what they say changes at once", async () => {
  const { manager } = await openPage((manager) => {
    manager.agents = [agentJson("a"), agentJson("b"), agentJson("c")];
  });
  await pass(2_000);
  const lose = (name: string) => manager.tell(`presence.id-${name}`, { ...agentJson(name), ...offline("lost") });

  lose("b");
  expect(names()).toEqual(["b", "a", "c"]);
  lose("c");
  expect(within(row("c")).getByText("offline · connection lost")).toBeTruthy();
  await pass(900);
  expect(names()).toEqual(["b", "a", "c"]);
  await pass(200);
  expect(names()).toEqual(["b", "c", "a"]);
});

test("a connection that is silently broken is noticed within 40 seconds, and replaced", async () => {
  const { manager } = await openPage(oneAgent);
  const [socket] = manager.openSockets;
  const beats = socket?.beats.length ?? 0;
  while (socket?.beats.length === beats) await pass(10);
  await pass(10);
  for (const open of manager.openSockets) open.halfOpen = true;
  manager.sockets = "hang";

  await pass(40 * second);
  expect(screen.queryByText("Live")).toBeNull();
  expect(screen.getByText("Reconnecting…").getAttribute("role")).toBe("alert");
  expect(screen.getByText(/Last change known [1-4]\ds ago/)).toBeTruthy();
  expect(screen.getByText("1 online / 1 agent").classList).toContain("stale");
});

test("a socket that is replaced within a moment alarms nobody", async () => {
  const { manager } = await openPage(oneAgent);

  for (const socket of manager.openSockets) socket.closedWith(1006);
  expect(screen.queryByText("Live")).toBeNull();
  await pass(100);
  expect(screen.queryByText(/Last change known/)).toBeNull();

  await pass(2 * second);
  expect(screen.getByText("Live")).toBeTruthy();
  expect(manager.readings()).toBe(2);
});

test("while the manager is unreachable the last table stays, marked with its age; then it is live again", async () => {
  const { manager } = await openPage(oneAgent);
  expect(screen.getByText("1 online / 1 agent").classList).not.toContain("stale");

  manager.reachable = false;
  for (const socket of manager.openSockets) socket.closedWith(1006);
  await pass(20 * second);
  expect(screen.getByText("Manager unreachable.")).toBeTruthy();
  expect(screen.getByText(/Last change known (19|20)s ago/)).toBeTruthy();
  expect(within(row("edge-7")).getByText("online")).toBeTruthy();
  expect(screen.getByText("1 online / 1 agent").classList).toContain("stale");

  manager.reachable = true;
  await pass(16 * second);
  expect(screen.queryByText("Manager unreachable.")).toBeNull();
  expect(screen.getByText("Live")).toBeTruthy();
});

test.for(["fail", "hang"] as const)(
  "if sockets %s, the page polls and says so, and goes live when they work",
  async (how) => {
    const { manager } = await openPage((manager) => {
      oneAgent(manager);
      manager.sockets = how;
    });
    await pass(30 * second);
    expect(screen.getByText("Live updates are blocked; checked every 15 seconds")).toBeTruthy();
    expect(screen.getByText("1 online / 1 agent").classList).not.toContain("stale");

    manager.agents = [agentJson("edge-7", offline("stopped"))];
    const readings = manager.readings();
    const attempts = manager.feed.length;
    await pass(minute);
    expect(manager.readings() - readings).toBe(4);
    expect(manager.feed.length - attempts).toBeLessThanOrEqual(1);
    expect(within(row("edge-7")).getByText("offline · stopped")).toBeTruthy();

    manager.sockets = "open";
    await pass(80 * second);
    expect(screen.getByText("Live")).toBeTruthy();
    const { length } = manager.received;
    await pass(5 * minute);
    expect(manager.received).toHaveLength(length);
  },
);

test("after hubs have dropped messages the list is read once for all of them, and the page is right", async () => {
  const { manager } = await openPage((manager) => {
    oneAgent(manager);
    manager.shards = 4;
  });
  await pass(2 * second);
  const readings = manager.readings();
  manager.agents = [agentJson("edge-7", offline("lost"))];
  for (const socket of manager.openSockets) {
    socket.tell("live.resync");
    await pass(100);
  }
  await pass(2 * second);
  expect(manager.readings() - readings).toBe(1);
  expect(within(row("edge-7")).getByText("offline · connection lost")).toBeTruthy();
  expect(screen.getByText("Live")).toBeTruthy();
});

test("the error of a failing manager is shown, and the last table stays", async () => {
  const { manager } = await openPage(oneAgent);

  manager.insteadOf.set("GET /api/agents", refusal(503, "registry_unavailable", "the registry does not answer"));
  manager.tell("live.resync");
  await pass(4 * second);

  expect(screen.getByText("The manager answers with an error: the registry does not answer")).toBeTruthy();
  expect(row("edge-7")).toBeTruthy();
});

test("if only the check after ten minutes fails, the page is still live", async () => {
  const { manager } = await openPage(oneAgent);

  manager.insteadOf.set("GET /api/agents", refusal(503, "registry_unavailable", "the registry does not answer"));
  await pass(11 * minute);

  expect(screen.getByText("Live")).toBeTruthy();
});

test("an invalid answer is an error, not an empty fleet", async () => {
  await openPage((manager) => {
    manager.insteadOf.set("GET /api/agents", { status: 200, body: [{ ...agentJson("x"), name: 7 }] });
  });

  expect(screen.getByRole("heading", { name: "The manager answers with an error" })).toBeTruthy();
  expect(screen.getByText("The answer is invalid: name is not a string.")).toBeTruthy();
});

test.for([
  ["a name that is no text", { name: 7 }],
  ["a time that no calendar has", { lastSeen: 1e20 }],
  ["half a clone", { clone: { at: 1, first: null, second: null } }],
] as const)("an agent with %s costs its own row, not the list", async ([, fields]) => {
  const { manager } = await openPage((manager) => {
    manager.insteadOf.set("GET /api/agents", {
      status: 200,
      body: [agentJson("edge-7"), { ...agentJson("broken"), ...fields }, agentJson("edge-8")],
    });
  });
  expect(screen.getAllByRole("rowheader").map(({ textContent }) => textContent)).toEqual(["edge-7", "edge-8"]);
  expect(screen.getByText(/^Not shown: 1 agent that this page cannot read\./)).toBeTruthy();
  expect(screen.getByText("Live")).toBeTruthy();

  manager.insteadOf.clear();
  manager.agents = [agentJson("edge-7"), agentJson("mended"), agentJson("edge-8")];
  manager.tell("live.resync");
  await pass(4 * second);
  expect(row("mended")).toBeTruthy();
  expect(screen.queryByText(/^Not shown/)).toBeNull();
});

test("invalid frames change nothing, and the feed goes on", async () => {
  const { manager } = await openPage(oneAgent);
  const [socket] = manager.openSockets;

  for (const frame of [
    "",
    "{",
    "null",
    "[]",
    '{"subject":7}',
    '{"subject":"live.batch","data":[null,{"subject":"x"}]}',
  ]) {
    socket?.frame(frame);
  }
  for (const subject of ["presence.", "presence.id-edge-7", "registry.id-edge-7", "registry", "live.batch"]) {
    for (const data of [undefined, null, {}, { change: "renamed", agent: {} }, { change: "flapping" }]) {
      manager.tell(subject, data);
    }
  }
  expect(within(row("edge-7")).getByText("online")).toBeTruthy();

  manager.tell("live.batch", [
    { subject: "presence.id-edge-7", data: null },
    { subject: "presence.id-edge-7", data: { ...agentJson("edge-7"), ...offline("lost") } },
  ]);
  expect(within(row("edge-7")).getByText("offline · connection lost")).toBeTruthy();
});

test("before the first answer the page says that it is loading, and then what is wrong", async () => {
  const { manager } = await openPage((manager) => {
    manager.reachable = false;
  });
  expect(screen.getByRole("heading", { name: "The manager cannot be reached" })).toBeTruthy();

  manager.reachable = true;
  manager.sockets = "fail";
  manager.insteadOf.set("GET /api/agents", refusal(503, "not_configured", "ADMIN_PASSWORD is too short"));
  await pass(5 * second);
  expect(screen.getByRole("heading", { name: "The manager is not configured" })).toBeTruthy();
  expect(screen.getByText("ADMIN_PASSWORD is too short")).toBeTruthy();

  manager.sockets = "open";
  manager.insteadOf.clear();
  await pass(15 * second);
  expect(await screen.findByRole("heading", { name: "No agents yet" })).toBeTruthy();
});

test("the table's outline is shown until the first answer", async () => {
  await openPage((manager) => {
    manager.answersTakeMs = second;
  });

  expect(screen.getByRole("progressbar", { name: "Loading agents" })).toBeTruthy();
});
