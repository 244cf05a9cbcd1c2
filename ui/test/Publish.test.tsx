import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, type Manager, refusal } from "./manager.ts";
import { openPage, pass } from "./page.tsx";

async function openPublish(prepare: (manager: Manager) => void = () => {}) {
  const opened = await openPage((manager) => {
    manager.agents = [agentJson("edge-7"), agentJson("edge-8")];
    prepare(manager);
  });
  await opened.user.click(screen.getByRole("link", { name: "Publish" }));
  await pass(10);
  const write = async (subject: string, data: string) => {
    await opened.user.clear(screen.getByLabelText("Subject"));
    await opened.user.type(screen.getByLabelText("Subject"), subject);
    await opened.user.clear(screen.getByLabelText(/^Data/));
    await opened.user.click(screen.getByLabelText(/^Data/));
    await opened.user.paste(data);
  };
  return { ...opened, write };
}

test("data is sent as it was typed, and the page says who got it", async () => {
  const { manager, write, press } = await openPublish();
  const data = '{"n": 12345678901234567890,\n "a": 1.0, "a": 2}';
  await write("fleet.announce", data);
  await press("Publish");

  expect(manager.published).toEqual([`{"subject":"fleet.announce","data":${data}}`]);
  expect(screen.getByText("Delivered to 2 subscribers.")).toBeTruthy();
});

test("a message can be for the agents of some labels only", async () => {
  const { manager, user, write, press } = await openPublish((manager) => {
    manager.agents = [
      agentJson("edge-7", { labels: ["env=prod", "edge"] }),
      agentJson("edge-8", { labels: ["env=lab"] }),
    ];
    manager.insteadOf.set("POST /api/publish", { status: 200, body: { delivered: 1, dropped: 0 } });
  });
  const field = screen.getByRole("combobox", { name: /^Only agents with the labels/ });
  const list = document.getElementById(field.getAttribute("list") ?? "");
  // A key alone stands for all of its values.
  expect([...(list?.querySelectorAll("option") ?? [])].map(({ value }) => value)).toEqual([
    ...["edge", "env", "env=prod", "env=lab"],
  ]);
  await write("fleet.announce", "1.0");
  await user.type(field, "env=prod{Enter}edge{Enter}site=");
  await press("Publish");

  const sent = '{"subject":"fleet.announce","label":["env=prod","edge","site="],"data":1.0}';
  expect(manager.published).toEqual([sent]);
  expect(screen.getByText("Delivered to 1 subscriber.")).toBeTruthy();
  const table = within(screen.getByRole("table", { name: "Sent from this page" }));
  expect(table.getByText("edge (any value)")).toBeTruthy();

  await press("Remove edge (any value)");
  await press("Use again");
  await press("Publish");
  expect(manager.published).toEqual([sent, sent]);
});

test("a label that is wrong is not sent", async () => {
  const { manager, user, write, press } = await openPublish();
  await write("fleet.announce", "1");
  await user.type(screen.getByRole("combobox", { name: /^Only agents/ }), "rack 9");
  await press("Publish");
  expect(screen.getByText(/^The key must have/)).toBeTruthy();
  expect(manager.published).toEqual([]);
});

test("a message needs no data", async () => {
  const { manager, write, press } = await openPublish();
  await write("fleet.wake", " ");
  await press("Publish");
  expect(manager.published).toEqual(['{"subject":"fleet.wake"}']);
});

test("what is not JSON is not sent, and the field says why", async () => {
  const { manager, user, write, press } = await openPublish();
  await write("fleet.announce", '{"text": ');
  await press("Publish");
  expect(screen.getByText(/^This is not JSON/)).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByLabelText(/^Data/));
  expect(manager.published).toEqual([]);

  await user.paste('"hello"}');
  await user.keyboard("{Control>}{Enter}{/Control}");
  await pass(10);
  expect(screen.queryByText(/^This is not JSON/)).toBeNull();
  expect(manager.published).toHaveLength(1);
});

test("subscribers that were too far behind are named", async () => {
  const { write, press } = await openPublish((manager) => {
    manager.insteadOf.set("POST /api/publish", { status: 200, body: { delivered: 1, dropped: 3 } });
  });
  await write("fleet.announce", "");
  await press("Publish");
  expect(screen.getByText("Delivered to 1 subscriber; 3 were too far behind to get it.")).toBeTruthy();
});

test.for([
  [400, "invalid_subject", /Write up to 16 words/],
  [403, "forbidden", /Only agents and the manager/],
  [400, "too_many_agents", /More than 10,000 agents match/],
  [413, "payload_too_large", /does not fit into a frame/],
  [503, "hub_unavailable", /Some agents may have got/],
  [400, "another", /the manager's own words/],
] as const)("a refusal is explained by its code, and what was typed stays: %s %s", async ([status, code, words]) => {
  const { write, press } = await openPublish((manager) => {
    manager.insteadOf.set("POST /api/publish", refusal(status, code, "the manager's own words"));
  });
  await write("presence.x", "1");
  await press("Publish");
  expect(screen.getByText(words)).toBeTruthy();
  expect(screen.getByLabelText<HTMLInputElement>("Subject").value).toBe("presence.x");
});

test("what was sent is listed, also after another screen, and can be used again", async () => {
  const { user, write, press } = await openPublish();
  await write("fleet.one", "1");
  await press("Publish");
  await user.click(screen.getByRole("link", { name: "Settings" }));
  await pass(10);
  await user.click(screen.getByRole("link", { name: "Publish" }));
  await pass(10);

  const sent = within(screen.getByRole("table", { name: "Sent from this page" }));
  expect(sent.getByText("fleet.one")).toBeTruthy();
  await press("Use again");
  expect(screen.getByLabelText<HTMLInputElement>("Subject").value).toBe("fleet.one");
  expect(screen.getByLabelText<HTMLTextAreaElement>(/^Data/).value).toBe("1");
});

test("a session that ends keeps what was typed", async () => {
  const { manager, user, write, press } = await openPublish();
  await write("fleet.announce", '{"text": "long"}');
  manager.loggedIn = false;
  await press("Publish");
  await user.type(screen.getByLabelText("Password"), manager.password);
  await press("Log in");
  expect(screen.getByLabelText<HTMLTextAreaElement>(/^Data/).value).toBe('{"text": "long"}');
  await press("Publish");
  expect(screen.getByText("Delivered to 2 subscribers.")).toBeTruthy();
});

test("what anybody publishes is shown as it was sent, alone or in a batch", async () => {
  const { manager, user } = await openPublish();
  await user.click(screen.getByRole("checkbox", { name: /Show what anybody publishes/ }));
  const at = '"timestamp":1790000000000';
  const long = '{"n": 12345678901234567890, "x":1.0, "x":1e400}';
  manager.openSockets[0]?.frame(`{"subject":"fleet.alone","data":${long},${at}}`);
  const batch = `[7,{"subject":"fleet.first","data":9007199254740993},{"data":[1.50],"subject":"fleet.second"}]`;
  manager.openSockets[0]?.frame(`{"subject":"live.batch","data":${batch},${at}}`);
  manager.openSockets[0]?.frame(`{"subject":"fleet.empty",${at}}`);
  await pass(10);
  const rows = within(screen.getByRole("table", { name: "Live" }))
    .getAllByRole("row")
    .slice(1);
  expect(
    rows.map((each) => [...each.querySelectorAll("bdi, pre")].slice(-2).map(({ textContent }) => textContent)),
  ).toEqual([
    ["fleet.empty", ""],
    ["fleet.second", "[1.50]"],
    ["fleet.first", "9007199254740993"],
    ["fleet.alone", long],
  ]);
});

test("what anybody publishes is shown while the operator wants it, also after the socket was lost", async () => {
  const { manager, user } = await openPublish();
  const watch = screen.getByRole("checkbox", { name: /Show what anybody publishes/ });
  const asked = () => manager.feed.flatMap(({ sent }) => sent);
  const subscribe = { subject: "live.subscribe", data: { patterns: ["fleet.>"] } };
  expect(asked()).toEqual([]);

  await user.click(watch);
  expect(asked()).toEqual([subscribe]);
  manager.tell("fleet.announce", { text: "hello" });
  await pass(10);
  const live = within(screen.getByRole("table", { name: "Live" }));
  expect(live.getByText('{"text":"hello"}')).toBeTruthy();

  manager.openSockets[0]?.closedWith(1006);
  await pass(5_000);
  expect(asked()).toEqual([subscribe, subscribe]);

  await user.click(watch);
  expect(asked().at(-1)).toEqual({ ...subscribe, subject: "live.unsubscribe" });
  expect(screen.queryByRole("table", { name: "Live" })).toBeNull();
});
