import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { REFUSED } from "../stack/agent.ts";
import { test } from "./fixtures.ts";
import { untilConnected } from "./lab.ts";
import { refusedUpgrade } from "./raw-agent.ts";

/** From the operator's click to the end of the agent, on the slowest machine. */
const ENDED_WITHIN_MS = 5_000;

test("a revoked agent is disconnected at once, logs what to do, and stays refused; another agent is not affected", async ({
  lab,
  manager: _,
}) => {
  await lab.startAgent("neighbour");
  const neighbour = await lab.untilStatus("neighbour", "online");
  const { process, stateDir, log } = await lab.startAgent("thief");
  await untilConnected({ log });
  const { id } = await lab.agent("thief");
  const token = (await readFile(join(stateDir, "token"), "utf8")).trim();

  const asked = performance.now();
  const answer = await lab.admin.call("POST", `/api/agents/${id}/revoke`);
  const listed = await lab.agent("thief");
  expect(answer).toMatchObject({ id, status: "offline", reason: "revoked" });
  expect(listed).toMatchObject({ id, status: "offline", reason: "revoked" });
  await expect(lab.request(id, { subject: "test.echo" })).rejects.toThrow("no_responders");

  expect(await process.ended).toBe(REFUSED);
  expect(performance.now() - asked).toBeLessThan(ENDED_WITHIN_MS);
  const errors = log.filter((line) => line.includes("level=ERROR"));
  expect(errors).toEqual([log.at(-1)]);
  expect(errors[0]).toContain("revoked");
  expect(errors[0]).toContain("start it with a new enrolment token");

  // Neither its token nor the host itself is accepted any more.
  const refusal = await refusedUpgrade(lab.url, { authorization: `Bearer ${token}` });
  expect(refusal).toMatchObject({ status: 403, body: { error: { code: "agent_revoked" } } });
  const again = await lab.startAgent("thief", { mayMint: false });
  expect(await again.process.ended).toBe(REFUSED);
  expect(again.log.at(-1)).toContain("agent_revoked");
  expect(again.log.at(-1)).toContain("start it with a new enrolment token");
  expect(await lab.agent("thief")).toMatchObject({ id, status: "offline", reason: "revoked" });

  const { connectedAt } = neighbour;
  expect(await lab.agent("neighbour")).toMatchObject({ id: neighbour.id, status: "online", connectedAt });
  expect(await lab.request(neighbour.id, { subject: "test.echo", data: "still here" })).toBe("still here");
});

test("an agent that was revoked while it was offline is refused when it connects", async ({ lab, manager: _ }) => {
  const { process } = await lab.startAgent("away");
  const { id } = await lab.untilStatus("away", "online");
  await process.kill();
  await lab.untilStatus("away", "offline");
  await lab.admin.call("POST", `/api/agents/${id}/revoke`);

  const again = await lab.startAgent("away", { mayMint: false });
  expect(await again.process.ended).toBe(REFUSED);
  expect(again.log.at(-1)).toContain("agent_revoked");
});
