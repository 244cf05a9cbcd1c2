/**
 * Agents, operators and clients of the live feed around a real manager, in simulated time. live-model.test.ts lets things
 * happen here in random order.
 */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import { AgentHub } from "../src/hub/hub.ts";
import { newest } from "../src/presence/presence.ts";
import { LiveClient, PRESENCE } from "./live-client.ts";
import { api, BASIC, fetchManager, HOST, TestAgent } from "./manager.ts";
import type { SimulatedTime } from "./simulated-time.ts";

type Agent = Readonly<Record<string, unknown>>;

export const HUBS = ["hub-0", "hub-1", "hub-2"];
const SOON = { timeout: 30_000, interval: 2 };
/** That an agent is late no longer is told at a sweep: at most so long after. */
const TOLD_BACK_MS = 10_000;

/** A host with an agent. */
export class Host {
  readonly id: string;
  readonly token: string;
  readonly isAligned: boolean;
  socket: TestAgent | null;
  isOverHttp = false;
  /** A host that hangs sends nothing, and its connection stays. */
  isHanging = false;
  isRevoked = false;
  isRemoved = false;

  constructor(socket: TestAgent, token: string, isAligned: boolean) {
    this.id = socket.id;
    this.token = token;
    this.socket = socket;
    this.isAligned = isAligned;
  }

  get isConnected(): boolean {
    return this.socket !== null && this.socket.closed === null;
  }

  async beat(): Promise<void> {
    const { socket } = this;
    if (socket === null) return;
    const answers = () => socket.frames.filter(({ subject }) => subject === "agent.heartbeat.ack").length;
    const before = answers();
    socket.sendText('{"subject":"agent.heartbeat"}');
    await vi.waitUntil(() => answers() > before || socket.closed !== null, SOON);
  }

  async beatOverHttp(rttMs?: number): Promise<number> {
    const init = { method: "POST", body: JSON.stringify({ rttMs }) };
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    const { status } = await fetchManager("/api/agent/heartbeat", { ...init, headers });
    if (status === 200) this.isOverHttp = true;
    return status;
  }
}

/** A client, and what the test knows of it. */
export class Viewer {
  readonly client: LiveClient;
  isStalled = false;
  /** A change was lost on its way to the hub. The next whole reading makes the client right. */
  isStale = false;
  #isReadingStale = false;
  /** States that were older than one it had shown. */
  readonly faults: string[] = [];
  readonly #last = new Map<string, Agent>();
  /** Removed agents that it has shown and does not show any more: they must not come back. */
  readonly #gone = new Set<string>();

  constructor() {
    const headers = { Authorization: BASIC };
    const list = (path: string) => fetchManager(path, { headers: { ...headers, "Zedops-Unattended": "true" } });
    const open = async (shard: number) => {
      const response = await fetchManager(`/api/live?shard=${shard}`, {
        headers: { ...headers, Upgrade: "websocket" },
      });
      if (response.webSocket === null) throw new Error(`the feed was answered with ${response.status}`);
      return response.webSocket;
    };
    this.client = new LiveClient({ open, list }, (agent) => this.#see(agent));
  }

  loseChange(): void {
    this.isStale = true;
    this.#isReadingStale = this.client.isReading;
  }

  async readPage(): Promise<boolean> {
    if (!this.client.isReading) this.#isReadingStale = false;
    const isDone = await this.client.readPage();
    if (isDone && !this.#isReadingStale) this.isStale = false;
    return isDone;
  }

  async readAll(): Promise<void> {
    while (!(await this.readPage()));
  }

  /** Notes which of the removed agents it does not show any more. */
  noteGone(removed: readonly string[]): void {
    const shown = this.client.shown(Date.now());
    for (const id of removed) if (this.#last.has(id) && !shown.has(id)) this.#gone.add(id);
  }

  #see(agent: Agent): void {
    const id = String(agent.id);
    const before = this.#last.get(id);
    this.#last.set(id, agent);
    const told = `${JSON.stringify(before)} → ${JSON.stringify(agent)}`;
    if (this.#gone.has(id)) this.faults.push(`a removed agent came back: ${told}`);
    if (before === undefined) return;
    const [older, newer] = [Number(before.generation), Number(agent.generation)];
    if (newer < older) this.faults.push(`an older generation: ${told}`);
    if (newer === older && before.status === "offline" && agent.status === "online") {
      this.faults.push(`online after offline: ${told}`);
    }
    if (Number(agent.revision) < Number(before.revision)) this.faults.push(`an older revision: ${told}`);
  }
}

export class World {
  readonly time: SimulatedTime;
  readonly hosts: Host[] = [];
  readonly viewers: readonly Viewer[] = [new Viewer(), new Viewer()];
  readonly #enrolment: string;
  registryIsUp = true;

  private constructor(time: SimulatedTime, enrolment: string) {
    this.time = time;
    this.#enrolment = enrolment;
  }

  /** @param enrolment a token for many hosts */
  static async begin(time: SimulatedTime, enrolment: string): Promise<World> {
    const world = new World(time, enrolment);
    for (let n = 0; n < 3; n++) await world.enrol();
    await world.tend();
    return world;
  }

  async enrol(): Promise<void> {
    const isAligned = this.hosts.length % 2 === 0;
    const { agent, token } = await connect(this.#enrolment, isAligned);
    this.hosts.push(new Host(agent, token ?? "", isAligned));
  }

  async connect(host: Host): Promise<void> {
    host.isHanging = false;
    host.isOverHttp = false;
    host.socket = (await connect(host.token, host.isAligned)).agent;
  }

  /** Time passes. Clients, and hosts that do not hang, beat. */
  async pass(ms: number): Promise<void> {
    await this.time.pass(ms, async () => {
      await Promise.all([
        ...this.viewers.map(({ client }) => client.beat()),
        ...this.hosts.map(async (host) => {
          if (host.isHanging) return;
          if (host.isConnected) await host.beat();
          else if (host.isOverHttp && this.registryIsUp) await host.beatOverHttp();
        }),
      ]);
    });
  }

  /** What an operator does is stored in the registry, and then the Worker ends before it tells the hubs. */
  async killWorkerDuring(work: () => Promise<unknown>): Promise<void> {
    const lost = [
      vi.spyOn(AgentHub.prototype, "announce").mockResolvedValue(),
      vi.spyOn(AgentHub.prototype, "disconnect").mockResolvedValue(),
    ];
    await work();
    await vi.waitUntil(() => lost[0]?.mock.calls.length, SOON);
    for (const spy of lost) spy.mockRestore();
    for (const viewer of this.viewers) viewer.loseChange();
  }

  /** Every hub forgets what it has in memory. */
  async hibernate(): Promise<void> {
    await this.time.untilIdle();
    for (const name of HUBS) await evict(name);
  }

  /** What clients do by themselves: they open sockets anew and read the list again. */
  async tend(): Promise<void> {
    for (const viewer of this.viewers) {
      if (viewer.isStalled) continue;
      await viewer.client.open();
      while (this.registryIsUp && !viewer.client.isCurrent) await viewer.readPage();
    }
  }

  /** Checks that every client shows what the manager shows. */
  async verify(): Promise<void> {
    await this.tend();
    const back = await vi.waitFor(() => this.#compare(new Set()), SOON);
    if (back.size > 0) {
      await this.pass(TOLD_BACK_MS);
      await this.tend();
      await vi.waitFor(() => this.#compare(back), SOON);
    }
    const removed = this.hosts.filter(({ isRemoved }) => isRemoved).map(({ id }) => id);
    for (const viewer of this.viewers) {
      viewer.noteGone(removed);
      expect(viewer.faults).toEqual([]);
    }
  }

  /** Everything works again, and the clients read the list: now there is no excuse. */
  async end(): Promise<void> {
    for (const viewer of this.viewers) {
      viewer.isStalled = false;
      viewer.client.resume();
    }
    await this.pass(6_000);
    await this.tend();
    for (const viewer of this.viewers) {
      if (viewer.client.isReading) await viewer.readAll();
      await viewer.readAll();
    }
    await this.verify();
    expect(this.viewers.map(({ isStale }) => isStale)).toEqual([false, false]);
  }

  async cleanUp(): Promise<void> {
    for (const { socket } of this.hosts) socket?.socket.close(1000);
    for (const { client } of this.viewers) for (const { socket } of client.feeds.values()) socket.close(1000);
    await env.DB.exec("UPDATE agents SET deleted_at = 1");
    await this.time.untilIdle();
  }

  /**
   * @param told hosts of which every client must know that they are late no longer
   * @returns the other hosts that a client shows as late, and the manager does not
   */
  async #compare(told: ReadonlySet<Host>): Promise<Set<Host>> {
    const now = Date.now();
    const truth = this.registryIsUp ? await listed() : await inHubs();
    const back = new Set<Host>();
    for (const { client, isStalled, isStale } of this.viewers) {
      if (isStalled || isStale || !client.isCurrent) continue;
      const shown = client.shown(now);
      if (this.registryIsUp) expect([...shown.keys()].toSorted()).toEqual([...truth.keys()].toSorted());
      for (const [id, agent] of truth) {
        const seen = shown.get(id);
        if (seen === undefined || (!this.registryIsUp && seen.revokedAt !== null)) continue;
        const host = this.hosts.find((one) => one.id === id);
        const isBack = isLate(seen) && !isLate(agent) && host !== undefined && !told.has(host);
        if (isBack) back.add(host);
        expect(comparable(isBack ? { ...seen, reason: agent.reason } : seen, agent)).toEqual(agent);
      }
    }
    return back;
  }
}

function isLate({ status, reason }: Agent): boolean {
  return status === "online" && reason === "late";
}

/**
 * What must be equal to the manager's answer: every field, but with these allowances. A sign of life that changes nothing
 * else is told to nobody, so `lastSeen` of an agent that is online may be earlier. A burst of comings and goings ends by
 * the time of its fifth-last one, and a connection that replaces another has begun a little before that one ended: the
 * manager's `flappingUntil` may go back by the time that a registration takes, and the client keeps the larger one.
 */
function comparable(seen: Agent, agent: Agent): Agent {
  const same: Record<string, unknown> = { ...seen };
  if (agent.status === "online" && Number(seen.lastSeen) <= Number(agent.lastSeen)) same.lastSeen = agent.lastSeen;
  const aheadMs = Number(seen.flappingUntil) - Number(agent.flappingUntil);
  if (agent.flapping && aheadMs >= 0 && aheadMs <= 8_000) same.flappingUntil = agent.flappingUntil;
  return Object.fromEntries(Object.keys(agent).map((name) => [name, same[name]]));
}

/** Makes a hub lose its memory, and its sockets too if it must. */
export async function evict(name: string, webSockets: "hibernate" | "close" = "hibernate"): Promise<void> {
  const hub = env.HUB.getByName(name);
  // Only a hub that is awake can be evicted.
  await runInDurableObject(hub, () => {});
  await evictDurableObject(hub, { webSockets });
}

async function listed(): Promise<Map<string, Agent>> {
  const { status, body } = await api("GET", "/api/agents");
  expect(status).toBe(200);
  return new Map((body as Agent[]).map((agent) => [String(agent.id), agent]));
}

/** While the registry fails, only the hubs know their agents. */
async function inHubs(): Promise<Map<string, Agent>> {
  const known = await Promise.all(HUBS.map((name) => env.HUB.getByName(name).status()));
  const shown = [...newest(known.flat())].map(([id, { host, ...live }]) => {
    const fields: Agent = { ...live, ...host };
    return [id, Object.fromEntries(PRESENCE.map((name) => [name, fields[name]]))] as const;
  });
  return new Map(shown);
}

async function connect(token: string, alignsHeartbeat: boolean) {
  const agent = await TestAgent.open({ token });
  const reply = await agent.request("agent.register", { ...HOST, alignsHeartbeat });
  expect(reply.error).toBeUndefined();
  const data = reply.data as { agentId: string; token?: string };
  agent.id = data.agentId;
  return { agent, token: data.token };
}
