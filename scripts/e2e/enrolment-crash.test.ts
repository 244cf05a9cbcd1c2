import { randomUUID } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { z } from "zod";
import { REFUSED } from "../stack/agent.ts";
import { test } from "./fixtures.ts";
import { type HandshakeProxy, handshake } from "./handshake-proxy.ts";
import { type Lab, type LabAgent, untilConnected } from "./lab.ts";

interface Scene {
  lab: Lab;
  proxy: HandshakeProxy;
  /** Starts the host's agent: always with the same state and the same enrolment token. */
  start(): Promise<LabAgent>;
}

/** The result of a fault. */
interface Aftermath {
  /** The agent that has to come online. */
  agent: LabAgent;
  /** The id that the manager had assigned; undefined if it had not. */
  agentId?: string | undefined;
}

const faults: { fault: string; happen: (scene: Scene) => Promise<Aftermath> }[] = [
  ...handshake.flatMap((step) => [
    {
      fault: `the connection breaks before "${step}" is handed over`,
      happen: async ({ proxy, start }: Scene) => {
        const held = proxy.hold(step);
        const agent = await start();
        const { agentId } = await held;
        (await held).cut();
        return { agent, agentId };
      },
    },
    {
      fault: `the agent is killed before "${step}" is handed over`,
      happen: async ({ proxy, start }: Scene) => {
        const held = proxy.hold(step);
        const agent = await start();
        const { agentId } = await held;
        await agent.process.kill();
        (await held).cut();
        return { agent: await start(), agentId };
      },
    },
    {
      fault: `the manager is killed before "${step}" is handed over`,
      happen: async ({ lab, proxy, start }: Scene) => {
        const held = proxy.hold(step);
        const agent = await start();
        const { agentId } = await held;
        await lab.killManager();
        (await held).cut();
        await lab.startManager();
        return { agent, agentId };
      },
    },
  ]),
  {
    fault: "the reply is lost three times",
    happen: async ({ proxy, start }) => {
      const agentIds = new Set<string | undefined>();
      let reply = proxy.hold("registered");
      const agent = await start();
      for (let loss = 0; loss < 3; loss++) {
        const held = await reply;
        agentIds.add(held.agentId);
        reply = proxy.hold("registered");
        held.cut();
      }
      const last = await reply;
      await last.pass();
      expect([...agentIds]).toEqual([last.agentId]);
      return { agent, agentId: last.agentId };
    },
  },
  {
    fault: "the agent is killed as the reply arrives",
    happen: async ({ proxy, start }) => {
      const reply = proxy.hold("registered");
      const agent = await start();
      const { agentId } = await reply;
      await (await reply).pass();
      await agent.process.kill();
      return { agent: await start(), agentId };
    },
  },
  {
    fault: "the manager is killed as the registration arrives",
    happen: async ({ lab, proxy, start }) => {
      const registration = proxy.hold("register");
      const agent = await start();
      await (await registration).pass();
      await lab.killManager();
      await lab.startManager();
      return { agent };
    },
  },
  {
    fault: "both are killed once the manager has replied",
    happen: async ({ lab, proxy, start }) => {
      const reply = proxy.hold("registered");
      const agent = await start();
      const { agentId } = await reply;
      await Promise.all([agent.process.kill(), lab.killManager()]);
      (await reply).cut();
      await lab.startManager();
      return { agent: await start(), agentId };
    },
  },
  {
    fault: "the token cannot be written",
    happen: async ({ proxy, start }) => {
      const reply = proxy.hold("registered");
      const agent = await start();
      const { agentId } = await reply;
      const inTheWay = join(agent.stateDir, "token");
      await mkdir(inTheWay);
      await (await reply).pass();
      expect(await agent.process.ended).toBe(1);
      expect(agent.log.at(-1)).toContain("again with the same enrolment token");
      await rmdir(inTheWay);
      return { agent: await start(), agentId };
    },
  },
];

const Enrolments = z.array(
  z.object({ name: z.string(), uses: z.number(), agents: z.array(z.object({ id: z.string(), name: z.string() })) }),
);

test.for(faults)("when $fault, the host still enrols, once", async ({ fault, happen }, { lab, manager: _, proxy }) => {
  const name = `edge-${randomUUID()}`;
  const token = await lab.admin.mintToken({ name });
  const enrolment = async () =>
    Enrolments.parse(await lab.admin.call("GET", "/api/admin/tokens")).find((one) => one.name === name);

  const start = () => lab.startAgent(name, { token, managerUrl: proxy.url });
  const { agent, agentId } = await happen({ lab, proxy, start });

  // The agent logs this when its own echo has come back.
  await untilConnected(agent);
  const agents = (await lab.admin.agents()).filter((one) => one.name === name);
  expect(agents).toMatchObject([{ id: agentId ?? expect.any(String), status: "online" }]);
  const id = agents[0]?.id ?? "";
  expect(await lab.request(id, { subject: "test.echo", data: fault })).toBe(fault);
  expect(await enrolment()).toMatchObject({ uses: 1, agents: [{ id, name }] });

  const stranger = await lab.startAgent(`${name}-stranger`, { token });
  expect(await stranger.process.ended).toBe(REFUSED);
  expect(stranger.log.join("\n")).toContain("enrolment_used");
  expect(await enrolment()).toMatchObject({ uses: 1, agents: [{ id, name }] });
  await agent.process.stop();
});
