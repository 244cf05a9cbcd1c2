import { expect } from "vitest";
import { test } from "./fixtures.ts";
import { untilConnected } from "./lab.ts";

test("agent to manager: the agent is ready only once its own echo has come back", async ({ lab, manager: _ }) => {
  const { log } = await lab.startAgent("edge-1");
  // It sends test.echo, compares the reply, and measures the round trip.
  await expect.poll(() => log.join("\n"), { timeout: 60_000 }).toMatch(/msg=connected .*\brttMs=\d+/);
});

test("manager to agent: a request is answered by the agent's handler", async ({ lab, manager: _ }) => {
  await lab.startAgent("edge-2");
  const { id } = await lab.untilStatus("edge-2", "online");

  const data = { text: "grüße ✓", list: [1, 2.5, null], nested: { deep: true } };
  expect(await lab.request(id, { subject: "test.echo", data })).toEqual(data);
  expect(await lab.request(id, { subject: "agent.info" })).toMatchObject({
    os: "linux",
    hostname: expect.any(String),
    uptimeMs: expect.any(Number),
  });
});

test("many requests at once each get their own answer", async ({ lab, manager: _ }) => {
  await lab.startAgent("edge-3");
  const { id } = await lab.untilStatus("edge-3", "online");
  const numbers = Array.from({ length: 50 }, (_, index) => index);
  const answers = await Promise.all(numbers.map((data) => lab.request(id, { subject: "test.echo", data })));
  expect(answers).toEqual(numbers);
});

test("a request that no agent can answer fails at once, with the reason", async ({ lab, manager: _ }) => {
  const { process } = await lab.startAgent("edge-4");
  const { id } = await lab.untilStatus("edge-4", "online");
  await expect(lab.request(id, { subject: "no.such.subject" })).rejects.toThrow("no_responders");
  await process.stop();
  await expect(lab.request(id, { subject: "test.echo" })).rejects.toThrow("no_responders");
});

test("published messages reach the subscribed agents, also after the manager was down", async ({ lab, manager }) => {
  const one = await lab.startAgent("sub-1", { subscribe: ["fleet.>", "agents.self.>"] });
  const two = await lab.startAgent("sub-2", { subscribe: ["fleet.news"] });
  for (const agent of [one, two]) await untilConnected(agent);

  const { id } = await lab.agent("sub-1");
  const publish = (subject: string, data: unknown) =>
    lab.admin.call("POST", "/api/publish", JSON.stringify({ subject, data }));
  expect(await publish("fleet.news", { text: "grüße" })).toEqual({ delivered: 2, dropped: 0 });
  expect(await publish(`agents.${id}.only`, 1)).toEqual({ delivered: 1, dropped: 0 });
  expect(await publish("fleet.other", null)).toEqual({ delivered: 1, dropped: 0 });
  const printed = (log: string[]) => log.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  await expect
    .poll(() => printed(one.log).map(({ subject, data }) => [subject, data]))
    .toEqual([
      ["fleet.news", { text: "grüße" }],
      [`agents.${id}.only`, 1],
      ["fleet.other", null],
    ]);
  await expect.poll(() => printed(two.log)).toMatchObject([{ subject: "fleet.news" }]);

  await manager.stop();
  await lab.startManager();
  await expect.poll(() => two.log.join("\n"), { timeout: 60_000 }).toContain("msg=reconnected");
  expect(await publish("fleet.news", "again")).toMatchObject({ delivered: expect.any(Number), dropped: 0 });
  await expect.poll(() => printed(two.log).at(-1)?.data).toBe("again");
});

test("a publication to a label reaches only the agents that have it, from their token or from themselves", async ({
  lab,
  manager: _,
}) => {
  const subscribe = ["fleet.>"];
  const token = await lab.admin.mintToken({ name: "lab-1", labels: ["env=prod"] });
  const agents = [
    await lab.startAgent("lab-1", { subscribe, token, labels: ["env=test", "edge"] }),
    await lab.startAgent("lab-2", { subscribe, labels: ["env=test", "site=Büro 4"] }),
  ];
  for (const agent of agents) await untilConnected(agent);
  const publish = (data: string, ...label: string[]) =>
    lab.admin.call("POST", "/api/publish", JSON.stringify({ subject: "fleet.news", data, label }));
  expect(await publish("one", "env=prod", "edge")).toEqual({ delivered: 1, dropped: 0 });
  expect(await publish("two", "site=Büro 4")).toEqual({ delivered: 1, dropped: 0 });
  expect(await publish("both", "env")).toEqual({ delivered: 2, dropped: 0 });
  const printed = () =>
    agents.map(({ log }) => log.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).data));
  await expect.poll(printed).toEqual([
    ["one", "both"],
    ["two", "both"],
  ]);
});
