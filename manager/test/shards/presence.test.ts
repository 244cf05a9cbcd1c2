import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { hubName } from "../../src/hub/placement.ts";
import { api, TestAgent } from "../manager.ts";

it("after an agent has moved to another hub, its earlier hub does not change its presence", async () => {
  let { agent } = await TestAgent.enrolled();
  // Not the last hub: its status comes last in any case.
  while (hubName(agent.id, 4) === "hub-3") ({ agent } = await TestAgent.enrolled());
  const own = hubName(agent.id, 4);
  const [live] = await env.HUB.getByName(own).status(agent.id);
  if (live === undefined) throw new Error("not live");
  for (const former of ["hub-0", "hub-1", "hub-2", "hub-3"].filter((name) => name !== own)) {
    const known = { name: "edge-7", host: live.host };
    const generation = live.generation - 1;
    const admission = {
      connectionId: null,
      agentId: agent.id,
      known,
      candidateHash: null,
      separate: false,
      enrolment: null,
      generation,
      address: "former",
    };
    await env.HUB.getByName(former).heartbeat({ ...admission, bootId: "former-boot" }, {});
  }
  const { body } = await api("GET", `/api/agents?q=${agent.id}`);
  expect(body).toMatchObject([{ status: "online", address: live.address }]);
});
