import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Agent, parseAgent } from "../src/agents/agent.ts";
import { Losses } from "../src/agents/losses.ts";
import { Roster } from "../src/agents/roster.ts";
import { agentJson, offline } from "./manager.ts";

const second = 1_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const announced: string[][] = [];
  const roster = new Roster();
  const losses = new Losses((agents) => announced.push(agents.map(({ name }) => name)));
  const tell = (...agents: ReturnType<typeof agentJson>[]) => {
    const changes = new Map<string, Agent>(agents.map((agent) => [agent.id, parseAgent(agent)]));
    losses.apply(roster.update(changes, Date.now()));
  };
  const remove = (name: string) => losses.apply(roster.update(new Map([[`id-${name}`, undefined]]), Date.now()));
  return { announced, losses, tell, remove };
}

test.for(["lost", "lease_expired", "policy", "a reason of a newer manager"])(
  "an agent that goes away by itself is announced once: %s",
  (reason) => {
    const { announced, tell } = setUp();
    tell(agentJson("a"));
    tell(agentJson("a", offline(reason)));
    vi.advanceTimersByTime(9 * second);
    expect(announced).toEqual([]);

    vi.advanceTimersByTime(10 * second);
    expect(announced).toEqual([["a"]]);
    vi.advanceTimersByTime(600 * second);
    expect(announced).toHaveLength(1);
  },
);

test.for(["stopped", "revoked", "replaced", "manager_restart", "never_connected"])(
  "an agent that is away because somebody meant it so is not announced: %s",
  (reason) => {
    const { announced, tell } = setUp();
    tell(agentJson("a"));
    tell(agentJson("a", offline(reason)));
    vi.advanceTimersByTime(60 * second);
    expect(announced).toEqual([]);
  },
);

test("late is not lost, and neither is an agent that was offline before", () => {
  const { announced, tell } = setUp();
  tell(agentJson("a"), agentJson("b", offline("lost")));
  tell(agentJson("a", { reason: "late" }), agentJson("b", offline("lease_expired")));
  vi.advanceTimersByTime(60 * second);
  expect(announced).toEqual([]);
});

test("an agent that is back within its grace is not announced, and its next loss has a grace of its own", () => {
  const { announced, tell } = setUp();
  tell(agentJson("a"));
  tell(agentJson("a", offline("lost")));
  vi.advanceTimersByTime(9 * second);
  tell(agentJson("a"));
  vi.advanceTimersByTime(60 * second);
  expect(announced).toEqual([]);

  tell(agentJson("a", offline("lost")));
  vi.advanceTimersByTime(9 * second);
  expect(announced).toEqual([]);
  vi.advanceTimersByTime(5 * second);
  expect(announced).toEqual([["a"]]);
});

test("an agent that is revoked or removed while it is away is not announced", () => {
  const { announced, tell, remove } = setUp();
  tell(agentJson("a"), agentJson("b"), agentJson("c"));
  tell(...["a", "b", "c"].map((name) => agentJson(name, offline("lost"))));
  vi.advanceTimersByTime(5 * second);
  tell(agentJson("a", offline("revoked")));
  remove("b");
  vi.advanceTimersByTime(60 * second);
  expect(announced).toEqual([["c"]]);
});

test("agents that are lost together are announced together", () => {
  const { announced, tell } = setUp();
  const crowd = Array.from({ length: 312 }, (_, n) => `edge-${n}`);
  tell(...crowd.map((name) => agentJson(name)));
  for (const name of crowd.slice(0, 300)) {
    tell(agentJson(name, offline("lease_expired")));
    vi.advanceTimersByTime(9);
  }
  vi.advanceTimersByTime(5 * second);
  for (const name of crowd.slice(300)) tell(agentJson(name, offline("lease_expired")));
  vi.advanceTimersByTime(60 * second);
  expect(announced).toEqual([crowd.slice(0, 300), crowd.slice(300)]);
});

test("a timer that the browser runs late is made good by the next change", () => {
  const { announced, tell } = setUp();
  tell(agentJson("a"), agentJson("b"));
  tell(agentJson("a", offline("lost")));
  const real = performance.now();
  vi.spyOn(performance, "now").mockReturnValue(real + 60 * second);
  tell(agentJson("b", { version: "2.0.0" }));
  expect(announced).toEqual([["a"]]);
});

test("nothing is announced after it was stopped", () => {
  const { announced, losses, tell } = setUp();
  tell(agentJson("a"));
  tell(agentJson("a", offline("lost")));
  losses.stop();
  vi.advanceTimersByTime(60 * second);
  expect(announced).toEqual([]);
});
