/** What one event costs a hub that hibernates. It must not grow with the number of sockets that the hub holds. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { HeartbeatWindow } from "../src/hub/heartbeat-window.ts";
import { ADMISSION_HEADER } from "../src/hub/hub.ts";
import { Roster } from "../src/hub/roster.ts";
import { encodeAdmission } from "../src/registry/admission-header.ts";
import { type HubWork, HubWorkCounter } from "./hub-work.ts";
import { HOST, hub, mintToken, stored, TestAgent } from "./manager.ts";
import { insertAgents } from "./rows.ts";
import { sweep } from "./time.ts";

const PAGE = 10;
/** When the agents of the only hub beat. */
const WINDOW = new HeartbeatWindow("hub-0", 30_000);

afterEach(() => {
  vi.restoreAllMocks();
});

/** Agents that are online for the whole of this file. */
const ids: string[] = [];

/** Adds agents that only beat until the hub holds `count` of them. */
async function fill(count: number): Promise<void> {
  await mintToken();
  const enrolment = await env.DB.prepare("SELECT id FROM enrolments LIMIT 1").first<string>("id");
  const prefix = crypto.randomUUID();
  const missing = count - ids.length;
  await insertAgents(enrolment ?? "", missing, prefix);
  for (let n = 1; n <= missing; n++) {
    const id = `${prefix}${n}`;
    const connectionId = crypto.randomUUID();
    const host = { version: "1.0.0", os: "linux", arch: "amd64", hostname: "host" };
    const rest = {
      separate: false,
      candidateHash: null,
      enrolment: null,
      generation: 1,
      bootId: "boot-id-1",
      address: null,
    };
    const admission = { ...rest, connectionId, agentId: id, known: { name: id, host } };
    const headers = { Upgrade: "websocket", [ADMISSION_HEADER]: encodeAdmission(admission) };
    const { webSocket } = await hub().fetch("https://manager.test/ws", { headers });
    if (webSocket === null) throw new Error("no socket");
    webSocket.accept();
    const registered = await hub().register(admission, { ...HOST, alignsHeartbeat: true });
    expect(registered.ok).toBe(true);
    ids.push(id);
  }
  await vi.waitUntil(async () => (await outboxOf()) === 0, { timeout: 30_000 });
  // What a sweep has found out helps the next wakes.
  await sweep();
}

/** Has the runtime say of every socket that it last beat at this time. */
async function beaten(at: () => number): Promise<void> {
  await runInDurableObject(hub(), (_, ctx) => {
    vi.spyOn(Object.getPrototypeOf(ctx), "getWebSocketAutoResponseTimestamp").mockImplementation(() => new Date(at()));
  });
}

/** No lease ends during a test, however busy the machine is. */
const beating = () => beaten(Date.now);
/** Whether a socket has beaten in the window would otherwise depend on when the test runs. */
const beatInWindow = () => beaten(() => WINDOW.openedAt(Date.now()));

/** Sweeps as if the last sweep were long ago. Only the sweep itself is counted. */
async function sweepNow(counter: HubWorkCounter): Promise<HubWork> {
  await runInDurableObject(hub(), (_, ctx) => ctx.storage.sql.exec("UPDATE sweep SET at = 0"));
  const swept = vi.spyOn(Roster.prototype, "endExpired");
  const work = await counter.of(() => runDurableObjectAlarm(hub()));
  // Once for the connections that have not registered, once by the sweep.
  expect(swept).toHaveBeenCalledTimes(2);
  return work;
}

/** Transitions that D1 does not have yet. */
async function outboxOf(): Promise<number> {
  return runInDurableObject(
    hub(),
    (_, ctx) => ctx.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM outbox").one().n,
  );
}

describe.each([1, 100, 4_000])("a hub with %i sockets that hibernates", (sockets) => {
  beforeAll(async () => {
    await beating();
    await fill(sockets);
  }, 180_000);
  beforeEach(beating);

  /** The bounds of each event. They are the same for every number of sockets. */
  const bounds: [string, HubWork, (counter: HubWorkCounter) => Promise<HubWork>][] = [
    [
      "a message",
      { wakes: 1, enumerations: 0, attachmentsRead: 1, rowsRead: 10, rowsWritten: 0 },
      async (counter) => {
        const { agent } = await TestAgent.enrolled();
        const work = await counter.of(() => agent.request("test.echo", 1));
        agent.socket.close(1000);
        return work;
      },
    ],
    [
      "the socket of a new agent",
      { wakes: 1, enumerations: 0, attachmentsRead: 0, rowsRead: 10, rowsWritten: 1 },
      async (counter) => {
        const token = await mintToken();
        let agent: TestAgent | undefined;
        const work = await counter.of(async () => {
          agent = await TestAgent.open({ token });
        });
        agent?.socket.close(1000);
        return work;
      },
    ],
    [
      "the end of a connection",
      { wakes: 1, enumerations: 0, attachmentsRead: 1, rowsRead: 20, rowsWritten: 4 },
      async (counter) => {
        const { agent } = await TestAgent.enrolled();
        await stored(agent.id, ({ status }) => status === "online");
        return counter.of(
          () => agent.socket.close(1000),
          async () => (await stored(agent.id, () => true)).status === "offline",
        );
      },
    ],
    [
      "the status of one agent",
      { wakes: 1, enumerations: 0, attachmentsRead: 1, rowsRead: 10, rowsWritten: 0 },
      (counter) => counter.of(() => hub().status(ids[0])),
    ],
    [
      "the status of a page of agents",
      { wakes: 1, enumerations: 0, attachmentsRead: PAGE, rowsRead: 10, rowsWritten: 0 },
      (counter) => counter.of(() => hub().status(undefined, ids.slice(-PAGE))),
    ],
    [
      // It has to look at every socket, but for its last beat only.
      "a sweep",
      { wakes: 1, enumerations: 1, attachmentsRead: 1, rowsRead: 20, rowsWritten: 1 },
      async (counter) => {
        await beatInWindow();
        // Agents that were late until now are told once that they no longer are.
        await sweep();
        return sweepNow(counter);
      },
    ],
  ];

  it.each(bounds)("wakes once for %s and touches no more than it must", async (_, most, measure) => {
    const work = await measure(await HubWorkCounter.start());
    expect(exceeded(work, most)).toEqual({});
  });

  it("writes at most four rows for an agent that connects and leaves again", async () => {
    const { agent: first, token } = await TestAgent.enrolled();
    first.socket.close(1000);
    await stored(first.id, ({ status }) => status === "offline");
    const counter = await HubWorkCounter.start();
    const { rowsWritten } = await counter.of(
      async () => {
        const { agent } = await TestAgent.online({ token });
        await stored(agent.id, ({ status }) => status === "online");
        agent.socket.close(1000);
      },
      async () => (await stored(first.id, () => true)).status === "offline",
    );
    expect(rowsWritten).toBeLessThanOrEqual(4);
  });
});

describe("an agent whose new connection takes the place of its old one", () => {
  const from = (bootId: string) => ({ headers: { "Zedops-Boot-Id": bootId } });

  it.each([
    ["of the same process", "first-process", 3],
    // The host that was replaced is remembered for some minutes, to tell a clone.
    ["of another process", "other-process", 5],
  ])("%s, writes a stated number of rows", async (_, process, most) => {
    const { agent: old, token } = await TestAgent.online({ token: await mintToken(), ...from("first-process") });
    const { generation } = await stored(old.id, ({ status }) => status === "online");
    const counter = await HubWorkCounter.start();
    const { rowsWritten } = await counter.of(
      async () => {
        await TestAgent.online({ token: token ?? "", ...from(process) });
        await old.untilClosed();
      },
      async () => Number((await stored(old.id, () => true)).generation) > Number(generation),
    );
    expect(rowsWritten).toBeLessThanOrEqual(most);
    expect(rowsWritten).toBeGreaterThan(0);
  });
});

/** The counts that are larger than they may be, with their bounds. */
function exceeded(work: HubWork, most: HubWork): Record<string, string> {
  const names = Object.keys(most) as (keyof HubWork)[];
  return Object.fromEntries(
    names.filter((name) => work[name] > most[name]).map((name) => [name, `${work[name]} > ${most[name]}`]),
  );
}
