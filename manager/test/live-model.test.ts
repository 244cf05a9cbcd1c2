/**
 * Compares what clients of the live feed show with what the API shows, after random events in random order. The clients
 * keep to docs/API.md "Keeping the list up to date" (live-client.ts); the hubs, sockets and D1 are real, and time is
 * simulated.
 */
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeEach, expect, it, vi } from "vitest";
import { evict, type Host, HUBS, type Viewer, World } from "./live-world.ts";
import { api, mintToken } from "./manager.ts";
import { hideRegistry, showRegistry } from "./registry.ts";
import { SimulatedTime } from "./simulated-time.ts";

/** An event. The clients must be right after each one. */
abstract class Step implements fc.AsyncCommand<World, World> {
  readonly #details: readonly unknown[];

  constructor(...details: unknown[]) {
    this.#details = details;
  }

  check(_: Readonly<World>): boolean {
    return true;
  }

  async run(world: World): Promise<void> {
    await this.happen(world);
    await world.verify();
  }

  toString(): string {
    return `${this.constructor.name}(${this.#details.join(", ")})`;
  }

  abstract happen(world: World): Promise<void>;
}

/** An event of one host. */
abstract class HostStep extends Step {
  readonly #place: number;

  constructor(place: number, ...details: unknown[]) {
    super(place, ...details);
    this.#place = place;
  }

  override check(world: Readonly<World>): boolean {
    const host = world.hosts[this.#place];
    return host !== undefined && this.mayHappen(host, world);
  }

  async happen(world: World): Promise<void> {
    const host = world.hosts[this.#place];
    if (host !== undefined) await this.happenTo(host, world);
  }

  abstract mayHappen(host: Host, world: Readonly<World>): boolean;
  abstract happenTo(host: Host, world: World): Promise<void>;
}

class Enrol extends Step {
  override check({ registryIsUp, hosts }: World) {
    return registryIsUp && hosts.length < 5;
  }
  async happen(world: World) {
    await world.enrol();
  }
}

class Connect extends HostStep {
  mayHappen(host: Host, { registryIsUp }: World) {
    return registryIsUp && !host.isRevoked && !host.isRemoved;
  }
  async happenTo(host: Host, world: World) {
    await world.connect(host);
  }
}

class Close extends HostStep {
  readonly #code: number;
  constructor(place: number, code: number) {
    super(place, code);
    this.#code = code;
  }
  mayHappen(host: Host) {
    return host.isConnected;
  }
  async happenTo({ socket }: Host) {
    socket?.socket.close(this.#code);
    await socket?.untilClosed();
  }
}

/** The agent comes and goes until it flaps. */
class Flap extends Connect {
  override async happenTo(host: Host, world: World) {
    for (let n = 0; n < 3; n++) {
      await super.happenTo(host, world);
      host.socket?.socket.close(1001);
      await host.socket?.untilClosed();
    }
  }
}

class Hang extends HostStep {
  mayHappen(host: Host) {
    return (host.isConnected || host.isOverHttp) && !host.isHanging;
  }
  async happenTo(host: Host) {
    host.isHanging = true;
  }
}

class Beat extends HostStep {
  mayHappen(host: Host) {
    return host.isConnected;
  }
  async happenTo(host: Host) {
    host.isHanging = false;
    await host.beat();
  }
}

/** A frame that is no beat renews the lease too. */
class Echo extends HostStep {
  mayHappen(host: Host) {
    return host.isConnected;
  }
  async happenTo(host: Host) {
    host.socket?.send({ subject: "test.echo" });
  }
}

class Report extends HostStep {
  readonly #rttMs: number;
  constructor(place: number, rttMs: number) {
    super(place, rttMs);
    this.#rttMs = rttMs;
  }
  mayHappen(host: Host) {
    return host.isConnected;
  }
  async happenTo(host: Host) {
    host.isHanging = false;
    const answered = host.socket?.request("agent.heartbeat", { rttMs: this.#rttMs, skewMs: -this.#rttMs });
    await Promise.race([answered, host.socket?.untilClosed()]);
  }
}

class ReportOverHttp extends HostStep {
  readonly #rttMs: number;
  constructor(place: number, rttMs: number) {
    super(place, rttMs);
    this.#rttMs = rttMs;
  }
  mayHappen(host: Host, { registryIsUp }: World) {
    return registryIsUp && !host.isRevoked && !host.isRemoved;
  }
  async happenTo(host: Host) {
    host.isHanging = false;
    expect(await host.beatOverHttp(this.#rttMs)).toBe(200);
  }
}

/** What an operator does to an agent. Perhaps the Worker ends before it has told the hub. */
abstract class OperatorStep extends HostStep {
  readonly #isKilled: boolean;
  constructor(place: number, isKilled: boolean) {
    super(place, isKilled ? "killed" : "");
    this.#isKilled = isKilled;
  }
  mayHappen({ isRemoved, isRevoked }: Host, { registryIsUp }: World) {
    return registryIsUp && !isRemoved && !isRevoked;
  }
  async happenTo(host: Host, world: World) {
    const work = async () => expect((await this.operate(host)).status).toBeLessThan(300);
    await (this.#isKilled ? world.killWorkerDuring(work) : work());
  }
  abstract operate(host: Host): ReturnType<typeof api>;
}

class Rename extends OperatorStep {
  override mayHappen({ isRemoved }: Host, { registryIsUp }: World) {
    return registryIsUp && !isRemoved;
  }
  async operate({ id }: Host) {
    // Another name has another place in the list, and perhaps on another page.
    return api("PATCH", `/api/agents/${id}`, { name: `${"amz"[Math.floor(Date.now() / 7) % 3]}-${Date.now()}` });
  }
}

class Label extends OperatorStep {
  override mayHappen({ isRemoved }: Host, { registryIsUp }: World) {
    return registryIsUp && !isRemoved;
  }
  async operate({ id }: Host) {
    return api("PATCH", `/api/agents/${id}`, { labels: [`at=${Date.now()}`] });
  }
}

class Revoke extends OperatorStep {
  async operate(host: Host) {
    host.isRevoked = true;
    return api("POST", `/api/agents/${host.id}/revoke`);
  }
}

class Remove extends OperatorStep {
  override mayHappen({ isRemoved }: Host, { registryIsUp }: World) {
    return registryIsUp && !isRemoved;
  }
  async operate(host: Host) {
    host.isRemoved = true;
    return api("DELETE", `/api/agents/${host.id}`);
  }
}

class Pass extends Step {
  readonly #ms: number;
  constructor(ms: number) {
    super(ms);
    this.#ms = ms;
  }
  async happen(world: World) {
    await world.pass(this.#ms);
  }
}

/** A client reads the list while the agent is late, and the agent beats again before its lease ends. */
class ReadWhileLate extends HostStep {
  mayHappen(host: Host, { registryIsUp, viewers }: World) {
    return registryIsUp && host.isConnected && !viewers[0]?.isStalled;
  }
  async happenTo(host: Host, world: World) {
    await host.beat();
    host.isHanging = true;
    await world.pass(36_000);
    await world.tend();
    await world.viewers[0]?.readAll();
    host.isHanging = false;
    await host.beat();
  }
}

class Hibernate extends Step {
  async happen(world: World) {
    await world.hibernate();
  }
}

/** A hub loses its memory and its sockets. */
class Rebuild extends Step {
  readonly #hub: string;
  constructor(hub: string) {
    super(hub);
    this.#hub = hub;
  }
  async happen({ time }: World) {
    await evict(this.#hub, "close");
    await time.forgetTimers();
  }
}

class RegistryFails extends Step {
  override check({ registryIsUp }: World) {
    return registryIsUp;
  }
  async happen(world: World) {
    await hideRegistry();
    world.registryIsUp = false;
  }
}

class RegistryReturns extends Step {
  override check({ registryIsUp }: World) {
    return !registryIsUp;
  }
  async happen(world: World) {
    await showRegistry();
    world.registryIsUp = true;
    // By then the hubs have written what waits.
    await world.pass(6_000);
  }
}

/** Every agent is told to reconnect. */
class Drain extends Step {
  async happen() {
    for (const name of HUBS) await env.HUB.getByName(name).drain(0);
  }
}

/** A deploy with another number of hubs. Each hub sleeps until its next alarm, which rings within an interval. */
class Reshard extends Step {
  readonly #hubs: number;
  constructor(hubs: number) {
    super(hubs);
    this.#hubs = hubs;
  }
  async happen(world: World) {
    env.HUB_SHARDS = String(this.#hubs);
    await world.hibernate();
    await world.pass(31_000);
  }
}

/** An event of one client. */
abstract class ViewerStep extends Step {
  readonly #place: number;

  constructor(place: number, ...details: unknown[]) {
    super(place, ...details);
    this.#place = place;
  }

  override check(world: Readonly<World>): boolean {
    const viewer = world.viewers[this.#place];
    return viewer !== undefined && this.mayHappen(viewer, world);
  }

  async happen(world: World): Promise<void> {
    const viewer = world.viewers[this.#place];
    if (viewer !== undefined) await this.happenTo(viewer);
  }

  abstract mayHappen(viewer: Viewer, world: Readonly<World>): boolean;
  abstract happenTo(viewer: Viewer): Promise<void>;
}

/** A client reads nothing any more, and so much comes that the hub drops the rest. */
class Stall extends ViewerStep {
  mayHappen({ isStalled }: Viewer) {
    return !isStalled;
  }
  async happenTo(viewer: Viewer) {
    viewer.isStalled = true;
    viewer.client.stall();
    const [feed] = viewer.client.feeds.values();
    feed?.socket.send(JSON.stringify({ subject: "live.subscribe", data: { patterns: ["fleet.flood"] } }));
    for (let n = 0; n < 18; n++) await env.HUB.getByName("hub-0").publish("fleet.flood", FLOOD);
  }
}

/** A client that stalled reads and acknowledges all that came. If its socket is still open, it must get a resync. */
class Resume extends ViewerStep {
  mayHappen({ isStalled }: Viewer) {
    return isStalled;
  }
  async happenTo(viewer: Viewer) {
    const { client } = viewer;
    const [feed] = client.feeds.values();
    const before = client.resyncs;
    client.resume();
    viewer.isStalled = false;
    await vi.waitUntil(() => client.resyncs > before || feed?.closed !== null, { timeout: 30_000, interval: 2 });
  }
}

class Reopen extends ViewerStep {
  readonly #shard: number;
  constructor(place: number, shard: number) {
    super(place, shard);
    this.#shard = shard;
  }
  mayHappen({ client, isStalled }: Viewer) {
    return !isStalled && client.feeds.has(this.#shard);
  }
  async happenTo({ client }: Viewer) {
    const feed = client.feeds.get(this.#shard);
    feed?.socket.close(1000);
    await vi.waitUntil(() => feed?.closed !== null, { timeout: 30_000, interval: 2 });
  }
}

/** A client reads one page, and something else happens before it reads the next. */
class ReadPage extends ViewerStep {
  mayHappen({ isStalled }: Viewer, { registryIsUp }: World) {
    return !isStalled && registryIsUp;
  }
  async happenTo(viewer: Viewer) {
    await viewer.readPage();
  }
}

const FLOOD = JSON.stringify("x".repeat(60_000));

const place = fc.nat(4);
const viewer = fc.nat(1);
const isKilled = fc.constantFrom(false, false, true);
const rttMs = fc.constantFrom(5, 6);
const steps = fc.commands(
  [
    fc.constant(new Enrol()),
    place.map((n) => new Connect(n)),
    place.map((n) => new Connect(n)),
    fc.tuple(place, fc.constantFrom(1000, 1001)).map(([n, code]) => new Close(n, code)),
    place.map((n) => new Flap(n)),
    place.map((n) => new Hang(n)),
    place.map((n) => new Hang(n)),
    place.map((n) => new Beat(n)),
    place.map((n) => new Echo(n)),
    fc.tuple(place, rttMs).map(([n, ms]) => new Report(n, ms)),
    fc.tuple(place, rttMs).map(([n, ms]) => new ReportOverHttp(n, ms)),
    fc.tuple(place, isKilled).map(([n, killed]) => new Rename(n, killed)),
    fc.tuple(place, isKilled).map(([n, killed]) => new Label(n, killed)),
    fc.tuple(place, isKilled).map(([n, killed]) => new Revoke(n, killed)),
    fc.tuple(place, isKilled).map(([n, killed]) => new Remove(n, killed)),
    fc.constantFrom(6_000, 26_000, 36_000, 41_000).map((ms) => new Pass(ms)),
    fc.constantFrom(6_000, 26_000, 36_000, 601_000).map((ms) => new Pass(ms)),
    place.map((n) => new ReadWhileLate(n)),
    fc.constant(new Hibernate()),
    fc.constantFrom(...HUBS).map((hub) => new Rebuild(hub)),
    fc.constant(new Drain()),
    fc.constant(new RegistryFails()),
    fc.constant(new RegistryReturns()),
    fc.integer({ min: 1, max: 3 }).map((hubs) => new Reshard(hubs)),
    viewer.map((n) => new Stall(n)),
    viewer.map((n) => new Resume(n)),
    fc.tuple(viewer, fc.nat(2)).map(([n, shard]) => new Reopen(n, shard)),
    viewer.map((n) => new ReadPage(n)),
    viewer.map((n) => new ReadPage(n)),
  ],
  { maxCommands: 24, size: "max" },
);

let enrolment: string;
let time: SimulatedTime;
beforeEach(async () => {
  time = await SimulatedTime.begin(HUBS);
  enrolment ??= await mintToken({ maxUses: 10_000, ttlSeconds: 2_592_000 });
});

async function runSteps(commands: Iterable<fc.AsyncCommand<World, World>>): Promise<void> {
  env.HUB_SHARDS = "2";
  for (const name of HUBS) await evict(name);
  const world = await World.begin(time, enrolment);
  try {
    await fc.asyncModelRun(() => ({ model: world, real: world }), commands);
    if (!world.registryIsUp) await new RegistryReturns().happen(world);
    await world.end();
  } finally {
    if (!world.registryIsUp) await showRegistry();
    await world.cleanUp();
  }
}

const hosts = [0, 1, 2];

/** Each of these has found a fault, or finds one that random events seldom find. */
it.each<[string, Step[]]>([
  [
    "a hub sleeps before it has stored the last sign of life",
    [new Report(1, 5), new Echo(1), new ReadPage(0), new ReadPage(0), new Hang(1), new Hibernate(), new Pass(36_000)],
  ],
  ["an agent that is late beats after a client has read the list", [new ReadWhileLate(0), new ReadWhileLate(1)]],
  [
    "an agent over HTTP is renamed after its first beat",
    [new Close(0, 1000), new ReportOverHttp(0, 5), new Rename(0, false)],
  ],
  [
    "agents over HTTP fall silent while the number of hubs changes",
    [
      ...hosts.map((n) => new Close(n, 1000)),
      ...hosts.map((n) => new ReportOverHttp(n, 5)),
      ...hosts.map((n) => new Hang(n)),
      ...[new Reshard(1), new Pass(26_000)],
    ],
  ],
  [
    "a hub sleeps while a client is behind",
    [new Stall(0), new Hibernate(), new Report(0, 5), new Report(1, 5), new Report(2, 5), new Resume(0)],
  ],
])("clients of the feed show what the API shows after this: %s", async (_, steps) => {
  await runSteps(steps);
});

it("clients of the feed show what the API shows after random events in random order", async () => {
  await fc.assert(fc.asyncProperty(steps, runSteps), { numRuns: 40 });
}, 240_000);
