import { screen, within } from "@solidjs/testing-library";
import { expect, test } from "vitest";
import { agentJson, refusal } from "./manager.ts";
import { names, openPage, pass, row, toldAll } from "./page.tsx";

/** Opens the page with these agents, by name. */
const openWith = (labels: Readonly<Record<string, readonly string[]>>) =>
  openPage((manager) => {
    manager.agents = Object.entries(labels).map(([name, labels]) => agentJson(name, { labels }));
  });

const chip = (name: string, label: string) => within(row(name)).getByRole("button", { name: label });
const keys = () =>
  within(within(screen.getByRole("dialog")).getByRole("region", { name: "Labels" }))
    .queryAllByRole("listitem")
    .map((item) => item.textContent);
const field = () => screen.getByRole("combobox", { name: /^Add a label/ });

test("a click on a label filters by it, and by several at once; the URL keeps the filters", async () => {
  const { user, press } = await openWith({
    a: ["edge", "env=prod"],
    b: ["env=prod"],
    c: ["edge=far", "env=prod"],
    d: [],
  });
  await user.click(chip("a", "env=prod"));
  expect(names()).toEqual(["a", "b", "c"]);
  expect(chip("a", "env=prod").getAttribute("aria-pressed")).toBe("true");
  // The label without a value, not its key.
  await user.click(chip("a", "edge"));
  expect(names()).toEqual(["a"]);
  await pass(500);
  expect(new URLSearchParams(location.search).getAll("label")).toEqual(["env=prod", "edge="]);

  await press("Remove the filter env=prod");
  await user.click(chip("a", "edge"));
  expect(names()).toEqual(["a", "b", "c", "d"]);
  expect(screen.queryByRole("button", { name: /^Remove/ })).toBeNull();
  await pass(500);
  expect(location.search).toBe("");
});

test("the filters of the URL are shown, and one that no agent matches can be taken out", async () => {
  history.replaceState(null, "", "/agents?label=env&label=gone=x");
  window.dispatchEvent(new PopStateEvent("popstate"));
  const { press } = await openWith({ a: ["env=prod"], b: ["env"], c: [] });
  // What is said without a row is loaded first.
  await pass(10);
  expect(screen.getByText("No agent matches all filters.")).toBeTruthy();

  await press("Remove the filter gone=x");
  expect(names()).toEqual(["a", "b"]);
  await press("Remove the filter env (any value)");
  expect(names()).toEqual(["a", "b", "c"]);
});

test("what has no room in a row is in a menu", async () => {
  const { user, press } = await openWith({ a: ["a", "b", "c", "d=1"], b: ["c"] });
  expect(within(row("a")).queryByRole("button", { name: "c" })).toBeNull();
  await press("2 more labels of a");
  await user.click(screen.getByRole("menuitem", { name: "d=1" }));
  expect(names()).toEqual(["a"]);
});

test("changes of labels arrive live, and the filter follows them", async () => {
  const { manager, user } = await openWith({ a: ["env=prod"], b: ["env=dev"] });
  await user.click(chip("a", "env=prod"));
  const change = (labels: readonly string[], revision: number) =>
    manager.tell("registry.id-b", {
      change: "labelled",
      revision,
      agent: { ...agentJson("b"), labels, revision },
    });

  change(["env=prod"], 1_000_000);
  await pass(1_000);
  expect(names()).toEqual(["a", "b"]);
  // It is older, and comes late.
  change(["env=dev"], 999_999);
  await pass(1_000);
  expect(names()).toEqual(["a", "b"]);
  change([], 1_000_001);
  await pass(1_000);
  expect(names()).toEqual(["a"]);
});

test("the labels of one agent are edited together, and sent as one list", async () => {
  const { manager, user, press } = await openWith({ a: ["edge", "env=dev"] });
  await press("Actions for a");
  await user.click(screen.getByRole("menuitem", { name: "Labels…" }));
  expect(document.activeElement).toBe(field());
  expect(keys()).toEqual(["edgeRemove", "env=devRemove"]);

  await user.type(field(), "env=prod{Enter}");
  await press("Remove edge");
  await user.type(field(), " site=Büro 4 ");
  await press("Save");

  expect(manager.received.at(-1)).toEqual({
    method: "PATCH",
    path: "/api/agents/id-a",
    body: { labels: ["env=prod", "site=Büro 4"] },
  });
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(chip("a", "site=Büro 4")).toBeTruthy();
});

test("a label with a fault is not added, and the dialog says why", async () => {
  const { manager, user, press } = await openWith({ a: [] });
  await press("Actions for a");
  await user.click(screen.getByRole("menuitem", { name: "Labels…" }));
  expect(screen.getByText("No labels yet.")).toBeTruthy();
  await user.type(field(), "-edge");
  await press("Save");

  expect(within(screen.getByRole("dialog")).getAllByRole("alert")[0]?.textContent).toMatch(/^The key must have/);
  expect(field().getAttribute("aria-invalid")).toBe("true");
  await user.clear(field());
  expect(field().getAttribute("aria-invalid")).toBe("false");
  for (let n = 0; n < 17; n++) await user.type(field(), `k${n}{Enter}`);
  await press("Save");
  expect(screen.getByText("An agent has at most 16 labels.")).toBeTruthy();
  await press("Undo k16");
  await press("Save");
  expect(manager.agents[0]?.labels).toHaveLength(16);
});

test("what another operator labels meanwhile is kept", async () => {
  const { manager, user, press } = await openWith({ a: ["env=dev"] });
  await press("Actions for a");
  await user.click(screen.getByRole("menuitem", { name: "Labels…" }));
  await user.type(field(), "mine{Enter}");
  manager.agents = [agentJson("a", { labels: ["env=dev", "theirs"] })];
  await toldAll(manager);
  expect(keys()).toEqual(["mineUndo", "env=devRemove", "theirsRemove"]);
  await press("Save");
  expect(manager.agents[0]?.labels).toEqual(["env=dev", "mine", "theirs"]);
});

test("a list that the manager refuses stays in the dialog with the reason", async () => {
  const { manager, user, press } = await openWith({ a: [] });
  manager.insteadOf.set("PATCH /api/agents/id-a", refusal(503, "registry_unavailable", "the registry is away"));
  await press("Actions for a");
  await user.click(screen.getByRole("menuitem", { name: "Labels…" }));
  await user.type(field(), "edge");
  await press("Save");
  expect(screen.getByText("the registry is away")).toBeTruthy();
  expect(keys()).toEqual(["edgeUndo"]);
});

test("selected agents are labelled together; the dialog shows what all and what some have", async () => {
  const { manager, user, press } = await openWith({
    a: ["edge", "env=prod"],
    b: ["edge", "env=dev"],
    c: ["edge", "env=prod"],
    d: [],
  });
  for (const name of ["a", "b", "c"]) await user.click(screen.getByRole("checkbox", { name: `Select ${name}` }));
  await press("Labels…");
  const dialog = screen.getByRole("dialog", { name: "Labels of 3 agents" });
  expect(keys()).toEqual(["edgeallRemove", "env=prod2 of 3env=dev1 of 3Remove"]);

  await press("Remove env");
  await user.type(field(), "site=ams{Enter}");
  expect(keys()).toEqual(["site=amsUndo", "edgeallRemove", "env=prod2 of 3env=dev1 of 3Undo"]);
  await press("Label 3 agents", dialog);

  expect(manager.received.at(-1)?.body).toEqual({
    ...{ action: "label", ids: ["id-a", "id-b", "id-c"] },
    ...{ add: ["site=ams"], remove: ["env"] },
  });
  expect(screen.queryByRole("dialog")).toBeNull();
  // Before the feed tells of it.
  expect(chip("b", "site=ams")).toBeTruthy();
  expect(screen.queryByText(/selected$/)).toBeNull();
});

test("an agent that would have too many labels is named, and the others are labelled", async () => {
  const { manager, user, press } = await openWith({ a: [], b: [] });
  manager.bulkOutcomes.set("id-b", "too_many_labels");
  await user.click(screen.getByRole("checkbox", { name: "Select all" }));
  await press("Labels…");
  await user.type(field(), "edge");
  await press("Label 2 agents");

  const dialog = screen.getByRole("dialog");
  expect(within(dialog).getByText("1 agent could not be labelled.")).toBeTruthy();
  const failed = within(within(dialog).getByRole("region", { name: "Agents" })).getByRole("listitem");
  expect(failed.textContent).toBe("b · It would have more than 16 labels, so it keeps those that it has.");
  expect(manager.agents.map(({ labels }) => labels)).toEqual([["edge"], []]);
  expect(screen.getByText("1 selected")).toBeTruthy();

  manager.bulkOutcomes.clear();
  await press("Label 1 agent", dialog);
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(manager.agents.map(({ labels }) => labels)).toEqual([["edge"], ["edge"]]);
});

test("what the feed has told meanwhile is not undone by the answer", async () => {
  const { manager, user, press } = await openWith({ a: [] });
  await user.click(screen.getByRole("checkbox", { name: "Select a" }));
  await press("Labels…");
  await user.type(field(), "env=prod{Enter}");
  const { fetch } = globalThis;
  globalThis.fetch = async (...call) => {
    const answer = await fetch(...call);
    // Another operator is faster than the answer.
    manager.agents = [agentJson("a", { labels: ["env=dev"] })];
    manager.tellAll();
    return answer;
  };
  await press("Label 1 agent");
  globalThis.fetch = fetch;
  expect(chip("a", "env=dev")).toBeTruthy();
});
