import { expect } from "vitest";
import { z } from "zod";
import type { Lab } from "../e2e/lab.ts";
import type { Agent } from "../stack/admin.ts";
import type { Child } from "../stack/child.ts";
import type { Fleet } from "./fleet.ts";
import { test } from "./fleet-fixtures.ts";
import { readHubs } from "./hub-disk.ts";

const AGENTS = 50;
/** An old hub is woken only by its alarm, which is set to the end of a lease. */
const SETTLED_WITHIN_MS = 60_000;
const pace = { HEARTBEAT_INTERVAL_MS: "5000", LEASE_MS: "10000" };

const Timeline = z.array(z.object({ status: z.enum(["online", "offline"]), reason: z.string().nullable() }));
const online = { status: "online", reason: null };
const restarted = { status: "offline", reason: "manager_restart" };

/** Declares the test for one way to end the manager. Each way has its own file, so that they run side by side. */
export function testShardChange(ending: string, end: (lab: Lab, manager: Child) => Promise<void>): void {
  const title = "agents find their hubs when there are four instead of two, and two again, after the manager was";
  test(`${title} ${ending}`, async ({ lab, startFleet }) => {
    let manager = await lab.startManager({ ...pace, HUB_SHARDS: "2" });
    const fleet = await startFleet({ agents: AGENTS, subscribe: ["fleet.>"] });
    await fleet.untilConnected(() => fleet.events, 60_000);

    for (const shards of ["4", "2"]) {
      // This agent ends together with the manager, which may not have told the registry.
      const lost = `lost-before-${shards}`;
      const { process } = await lab.startAgent(lost);
      await lab.untilStatus(lost, "online");

      const since = fleet.mark();
      await process.kill();
      await end(lab, manager);
      // The old hubs still have connections or transitions that the registry does not know of.
      const left = await readHubs(lab);
      expect(left.reduce((sum, { connections, outbox }) => sum + connections + outbox, 0)).toBeGreaterThan(0);
      manager = await lab.startManager({ ...pace, HUB_SHARDS: shards });
      const started = Date.now();
      expect(await lab.agent(lost)).toMatchObject({ status: "offline" });
      await fleet.untilConnected(since, 60_000);
      await reachesEach(lab, fleet, `${shards} shards`);
      await expect
        .poll(async () => backlog(await readHubs(lab)), { timeout: SETTLED_WITHIN_MS, interval: 1_000 })
        .toEqual({ connections: AGENTS, outbox: 0 });
      const hubs = left.map(({ name, connections, outbox }) => `${name} ${connections}+${outbox}`).join(", ");
      console.log(`${shards} shards: the old hubs (${hubs}) had told all ${Date.now() - started} ms after the start`);
    }

    for (const { id, name, status } of await lab.admin.agents()) {
      const timeline = Timeline.parse(await lab.admin.call("GET", `/api/agents/${id}/events`));
      if (isOfFleet(name)) {
        // Each of the three managers recorded it online, and each end is recorded as the manager's restart.
        expect(timeline).toMatchObject([online, restarted, online, restarted, online]);
      } else {
        expect(status).toBe("offline");
        expect(timeline).toMatchObject([{ status, reason: expect.stringMatching(/^(lost|manager_restart)$/) }, online]);
      }
    }

    // The agents also keep their identities if they were stopped meanwhile.
    await fleet.stop();
    await expect
      .poll(async () => new Set((await fleetIn(lab)).map(({ status, reason }) => `${status} ${reason}`)))
      .toEqual(new Set(["offline stopped"]));
    await end(lab, manager);
    expect((await readHubs(lab)).filter(({ connections, outbox }) => connections + outbox > 0)).toEqual([]);
    await lab.startManager({ ...pace, HUB_SHARDS: "4" });
    const back = await startFleet({ agents: AGENTS, subscribe: ["fleet.>"] });
    await back.untilConnected(() => back.events, 60_000);
    await reachesEach(lab, back, "back");
  });
}

/** Every agent is listed once, is online, answers, and receives each published message once. */
async function reachesEach(lab: Lab, fleet: Fleet, text: string): Promise<void> {
  const agents = await fleetIn(lab);
  expect(agents).toHaveLength(AGENTS);
  expect(new Set(agents.map(({ name }) => name)).size).toBe(AGENTS);
  expect(agents.filter(({ status }) => status !== "online")).toEqual([]);

  const echoes = agents.map(({ id }) => lab.request(id, { subject: "test.echo", data: id }));
  expect(await Promise.all(echoes)).toEqual(agents.map(({ id }) => id));

  const publish = (data: string) =>
    lab.admin.call("POST", "/api/publish", JSON.stringify({ subject: "fleet.news", data }));
  expect(await publish(text)).toEqual({ delivered: AGENTS, dropped: 0 });
  // When an agent has received this message, it has received all earlier ones.
  const last = `${text}, last`;
  await publish(last);
  const received = (data: string) =>
    fleet.events.filter(({ message }) => message?.data === data).map(({ agent }) => agent);
  await expect.poll(() => received(last).length, { timeout: 20_000 }).toBe(AGENTS);
  expect(received(text).toSorted()).toEqual(agents.map(({ name }) => name).toSorted());
}

function isOfFleet(name: string): boolean {
  return name.startsWith("sim-");
}

async function fleetIn(lab: Lab): Promise<Agent[]> {
  return (await lab.admin.agents()).filter(({ name }) => isOfFleet(name));
}

function backlog(hubs: Awaited<ReturnType<typeof readHubs>>) {
  return {
    connections: hubs.reduce((sum, hub) => sum + hub.connections, 0),
    outbox: hubs.reduce((sum, hub) => sum + hub.outbox, 0),
  };
}
