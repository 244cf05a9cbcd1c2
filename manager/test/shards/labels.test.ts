/** Publications with label filters and bulk actions, where several hubs share the agents. */
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { AgentHub } from "../../src/hub/hub.ts";
import { hubName } from "../../src/hub/placement.ts";
import { api, mintToken, stored, TestAgent } from "../manager.ts";

it("each hub is asked for its own agents, once", async () => {
  const agents: TestAgent[] = [];
  for (const site of ["a", "b"]) {
    const token = await mintToken({ maxUses: 12, labels: [`site=${site}`] });
    for (let n = 0; n < 12; n++) agents.push((await TestAgent.online({ token, installId: `the-host-${n}` })).agent);
  }
  for (const agent of agents) await agent.request("agent.subscribe", { patterns: ["fleet.>"] });
  const own = agents.slice(0, 12);
  const byHub = Map.groupBy(own, ({ id }) => hubName(id, 4));
  const publishTo = vi.spyOn(AgentHub.prototype, "publishTo");
  const message = { subject: "fleet.news", data: 1, label: ["site=a"] };
  expect((await api("POST", "/api/publish", message)).body).toEqual({ delivered: 12, dropped: 0 });
  const asked = publishTo.mock.calls.map(([ids]) => ids.toSorted().join());
  const expected = [0, 1, 2, 3].map((shard) =>
    (byHub.get(`hub-${shard}`) ?? [])
      .map(({ id }) => id)
      .toSorted()
      .join(),
  );
  expect(asked.toSorted()).toEqual(expected.toSorted());

  // An agent that an earlier hub holds is asked for there too.
  const [moved] = own;
  if (moved === undefined) throw new Error("no agent");
  await stored(moved.id, ({ status }) => status === "online");
  await env.DB.prepare("UPDATE agents SET hub = 'hub-7', hub_generation = generation WHERE id = ?")
    .bind(moved.id)
    .run();
  publishTo.mockClear();
  expect((await api("POST", "/api/publish", message)).body).toEqual({ delivered: 12, dropped: 0 });
  expect(publishTo.mock.calls.map(([ids]) => ids)).toContainEqual([moved.id]);
  vi.restoreAllMocks();

  const disconnect = vi.spyOn(AgentHub.prototype, "disconnectEach");
  const { body } = await api("POST", "/api/agents/bulk", { action: "revoke", ids: agents.map(({ id }) => id) });
  expect(body).toEqual({ results: agents.map(({ id }) => ({ id, outcome: "done" })) });
  for (const agent of agents) expect(await agent.untilClosed()).toEqual({ code: 4403, reason: "revoked" });
  expect(disconnect.mock.calls.length).toBeLessThanOrEqual(5);
  vi.restoreAllMocks();
});
