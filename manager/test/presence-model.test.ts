/**
 * Compares the presence in the real hub, sockets and D1 with a model. The tests run random sequences of the events that
 * can happen to an agent's connections. After every step the API must agree with the model. While D1 fails, the hub
 * must agree instead. At the end D1 must agree too, and the timeline must have each connection's beginning and end
 * once.
 */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { newest, type Transition } from "../src/presence/presence.ts";
import { writeTransitions } from "../src/registry/transitions.ts";
import { agentView, fetchManager, HOST, hub, mintToken, TestAgent, upgrade } from "./manager.ts";
import { hideRegistry, showRegistry } from "./registry.ts";
import { SOON } from "./soon.ts";
import { age, ageHttpLease, sweep } from "./time.ts";

/** The agent's present connection in the model. */
interface Live {
  /** Null for a lease over HTTP. */
  readonly socket: TestAgent | null;
  silentMs: number;
  /** Whether a bare beat was sent. The runtime keeps its time, so the test cannot change it. */
  beaten: boolean;
}

/** The model's state of one agent. */
class Truth {
  live: Live | null = null;
  /** The possible reasons for being offline. There are several if the reason depends on who noticed first. */
  reasons: readonly string[] = [];
  connections = 0;
  generation = 0;

  begin(socket: TestAgent | null): void {
    this.live = { socket, silentMs: 0, beaten: false };
    this.connections++;
  }

  end(...reasons: string[]): void {
    this.live = null;
    this.reasons = reasons;
  }

  get silence(): number {
    return this.live === null || this.live.beaten ? 0 : this.live.silentMs;
  }

  get isExpired(): boolean {
    return this.silence >= 40_000;
  }

  /** The presence that must be shown. */
  get shown(): { status: string; reasons: readonly (string | null)[] } {
    if (this.live === null) return { status: "offline", reasons: this.reasons };
    if (this.isExpired) return { status: "offline", reasons: ["lease_expired"] };
    return { status: "online", reasons: [this.silence >= 35_000 ? "late" : null] };
  }
}

interface Model {
  readonly agents: readonly [Truth, Truth];
  registryIsUp: boolean;
}

class Host {
  readonly id: string;
  readonly token: string;
  /** Sockets whose connection was replaced by a newer one. */
  readonly displaced: TestAgent[] = [];

  constructor(id: string, token: string) {
    this.id = id;
    this.token = token;
  }
}

type Real = readonly [Host, Host];

/** An event: it happens to one of two agents, or to the hub of both. */
abstract class Step implements fc.AsyncCommand<Model, Real> {
  readonly place: 0 | 1;
  readonly #detail: string;

  constructor(place: 0 | 1, detail: unknown = "") {
    this.place = place;
    this.#detail = String(detail);
  }

  check(model: Readonly<Model>): boolean {
    return this.mayHappen(model.agents[this.place], model);
  }

  async run(model: Model, real: Real): Promise<void> {
    await this.happen(model.agents[this.place], real[this.place], model);
    await verify(model, real);
  }

  toString(): string {
    return `${this.constructor.name}(${this.place}${this.#detail && `, ${this.#detail}`})`;
  }

  abstract mayHappen(truth: Truth, model: Readonly<Model>): boolean;
  abstract happen(truth: Truth, host: Host, model: Model): Promise<void>;
}

class Connect extends Step {
  mayHappen(_: Truth, { registryIsUp }: Model) {
    return registryIsUp;
  }
  async happen(truth: Truth, host: Host) {
    const { agent } = await TestAgent.online({ token: host.token, halfOpen: true });
    if (truth.live?.socket) host.displaced.push(truth.live.socket);
    truth.begin(agent);
  }
}

/** Two upgrades overlap: the connection that was admitted first registers last. */
class ConnectTwice extends Step {
  mayHappen(_: Truth, { registryIsUp }: Model) {
    return registryIsUp;
  }
  async happen(truth: Truth, host: Host) {
    const early = await TestAgent.open({ token: host.token, halfOpen: true });
    const { agent } = await TestAgent.online({ token: host.token, halfOpen: true });
    if (truth.live?.socket) host.displaced.push(truth.live.socket);
    truth.begin(agent);
    early.send({ subject: "agent.register", reply: `inbox.${early.connection}.1`, data: HOST });
    expect(await early.untilClosed()).toMatchObject({ code: 4503 });
    host.displaced.push(early);
  }
}

/**
 * Two upgrades overlap: the connection that was admitted first registers after the other has registered and ended. The
 * API can never show it, so the hub must close it.
 */
class ConnectTooLate extends Step {
  mayHappen(_: Truth, { registryIsUp }: Model) {
    return registryIsUp;
  }
  async happen(truth: Truth, host: Host) {
    const early = await TestAgent.open({ token: host.token, halfOpen: true });
    const { agent } = await TestAgent.online({ token: host.token });
    if (truth.live?.socket) host.displaced.push(truth.live.socket);
    truth.begin(agent);
    agent.socket.close(1000);
    await vi.waitFor(async () => expect(await row(host.id)).toMatchObject({ reason: "stopped" }), SOON);
    early.send({ subject: "agent.register", reply: `inbox.${early.connection}.1`, data: HOST });
    expect(await early.untilClosed()).toMatchObject({ code: 4503 });
    host.displaced.push(early);
    truth.connections++;
    // The hub reports the end of the late connection until D1 has it.
    truth.end("stopped", "replaced");
  }
}

class ConnectInVain extends Step {
  mayHappen(_: Truth, { registryIsUp }: Model) {
    return !registryIsUp;
  }
  async happen(_: Truth, host: Host) {
    const response = await upgrade({ token: host.token });
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, expect.any(String)]);
  }
}

class Frame extends Step {
  mayHappen({ live }: Truth) {
    return live?.socket != null;
  }
  async happen({ live }: Truth) {
    if (!live?.socket) return;
    expect((await live.socket.request("test.echo", 1)).data).toBe(1);
    live.silentMs = 0;
  }
}

class Beat extends Step {
  mayHappen({ live }: Truth) {
    return live?.socket != null;
  }
  async happen({ live }: Truth) {
    if (!live?.socket) return;
    const answers = () => live.socket?.frames.filter(({ subject }) => subject === "agent.heartbeat.ack").length ?? 0;
    const before = answers();
    live.socket.send({ subject: "agent.heartbeat" });
    await vi.waitUntil(() => answers() > before, { timeout: 30_000, interval: 5 });
    live.beaten = true;
  }
}

class HttpBeat extends Step {
  mayHappen(_: Truth, { registryIsUp }: Model) {
    return registryIsUp;
  }
  async happen(truth: Truth, host: Host) {
    const response = await fetchManager("/api/agent/heartbeat", {
      method: "POST",
      headers: { Authorization: `Bearer ${host.token}`, "Content-Type": "application/json" },
      body: "{}",
    });
    expect(response.status).toBe(200);
    if (truth.live !== null && !truth.isExpired) {
      truth.live.silentMs = 0;
      return;
    }
    if (truth.live?.socket) host.displaced.push(truth.live.socket);
    truth.begin(null);
  }
}

class Close extends Step {
  readonly #code: number;
  constructor(place: 0 | 1, code: number) {
    super(place, code);
    this.#code = code;
  }
  mayHappen({ live }: Truth) {
    return live?.socket != null;
  }
  async happen(truth: Truth) {
    truth.live?.socket?.socket.close(this.#code);
    truth.end(this.#code === 1000 ? "stopped" : truth.isExpired ? "lease_expired" : "lost");
  }
}

/** A host closes a socket whose connection was replaced earlier. */
class CloseLate extends Step {
  mayHappen() {
    return true;
  }
  async happen(_: Truth, { displaced }: Host) {
    displaced.pop()?.socket.close(1000, "late");
  }
}

class Silence extends Step {
  readonly #ms: number;
  constructor(place: 0 | 1, ms: number) {
    super(place, ms);
    this.#ms = ms;
  }
  mayHappen({ live }: Truth) {
    return live !== null;
  }
  async happen({ live }: Truth, { id }: Host) {
    if (live === null) return;
    await (live.socket === null ? ageHttpLease(id, this.#ms) : age(live.socket, this.#ms));
    live.silentMs += this.#ms;
  }
}

/** Events of the hub, which concern both agents. */
abstract class HubStep extends Step {
  mayHappen(_: Truth, __: Readonly<Model>) {
    return true;
  }
  async happen(_: Truth, __: Host, model: Model) {
    await this.strike(model);
  }
  abstract strike(model: Model): Promise<void>;
}

class Sweep extends HubStep {
  async strike({ agents }: Model) {
    await sweep();
    for (const truth of agents) if (truth.isExpired) truth.end("lease_expired");
  }
}

class Hibernate extends HubStep {
  async strike() {
    await evictDurableObject(hub());
  }
}

/** The hub loses its memory and its sockets, as after a deploy. */
class Rebuild extends HubStep {
  async strike({ agents }: Model) {
    await evictDurableObject(hub(), { webSockets: "close" });
    for (const truth of agents) if (truth.live?.socket) truth.end("manager_restart", "lost");
  }
}

class Drain extends HubStep {
  async strike({ agents }: Model) {
    await hub().drain(0);
    for (const truth of agents) if (truth.live?.socket) truth.end("manager_restart");
  }
}

class RegistryFails extends HubStep {
  override mayHappen(_: Truth, { registryIsUp }: Model) {
    return registryIsUp;
  }
  async strike(model: Model) {
    await hideRegistry();
    model.registryIsUp = false;
  }
}

class RegistryReturns extends HubStep {
  override mayHappen(_: Truth, { registryIsUp }: Model) {
    return !registryIsUp;
  }
  async strike(model: Model) {
    await showRegistry();
    model.registryIsUp = true;
  }
}

/** Checks that the API agrees with the model, and that D1 never goes back to an older generation. */
async function verify(model: Model, real: Real): Promise<void> {
  for (const [place, truth] of model.agents.entries()) {
    const { id } = real[place as 0 | 1];
    const { status, reasons } = truth.shown;
    if (model.registryIsUp) {
      await vi.waitFor(async () => {
        const view = await agentView(id);
        expect([view.status, reasons]).toEqual([status, expect.arrayContaining([view.reason])]);
      }, SOON);
      const { generation } = await row(id);
      expect(generation).toBeGreaterThanOrEqual(truth.generation);
      truth.generation = generation;
    } else {
      await vi.waitFor(async () => {
        const [live] = await hub().status(id);
        // If D1 already has an agent's end, the hub may have forgotten the agent.
        if (live !== undefined) expect([live.status, reasons]).toEqual([status, expect.arrayContaining([live.reason])]);
        else expect(status).toBe("offline");
      }, SOON);
    }
    // A lease that a reader has seen end does not go on.
    if (truth.isExpired) truth.end("lease_expired");
  }
}

/** Checks the final state: D1 agrees with the model, and the timeline has each connection's beginning and end once. */
async function settle(model: Model, real: Real): Promise<void> {
  if (!model.registryIsUp) await new RegistryReturns(0).strike(model);
  await new Sweep(0).strike(model);
  await runDurableObjectAlarm(hub());
  for (const [place, truth] of model.agents.entries()) {
    const { id } = real[place as 0 | 1];
    await vi.waitFor(async () => {
      const { status, reason } = await row(id);
      expect(status).toBe(truth.live === null ? "offline" : "online");
      if (truth.live === null) expect(truth.reasons).toContain(reason);
      else expect(reason).toBeNull();
    }, SOON);
    const { results } = await env.DB.prepare(
      "SELECT generation, status FROM events WHERE agent_id = ? ORDER BY generation, status DESC",
    )
      .bind(id)
      .all<{ generation: number; status: string }>();
    const states = results.map(({ status }) => status);
    const each = Array.from({ length: truth.connections }, () => ["online", "offline"]).flat();
    expect(states).toEqual(truth.live === null ? each : each.slice(0, -1));
    expect(new Set(results.map(({ generation }) => generation)).size).toBe(truth.connections);
    truth.live?.socket?.socket.close(1000, "done");
  }
}

async function row(id: string): Promise<{ status: string; reason: string | null; generation: number }> {
  const found = await env.DB.prepare("SELECT status, reason, generation FROM agents WHERE id = ?")
    .bind(id)
    .first<{ status: string; reason: string | null; generation: number }>();
  if (found === null) throw new Error("no such agent");
  return found;
}

async function enrol(token: string, truth: Truth): Promise<Host> {
  const enrolled = await TestAgent.online({ token, halfOpen: true });
  truth.begin(enrolled.agent);
  return new Host(enrolled.agent.id, enrolled.token ?? "");
}

const either = fc.constantFrom<0 | 1>(0, 1);
const steps = fc.commands(
  [
    either.map((place) => new Connect(place)),
    either.map((place) => new ConnectTwice(place)),
    either.map((place) => new ConnectTooLate(place)),
    either.map((place) => new ConnectInVain(place)),
    either.map((place) => new Frame(place)),
    either.map((place) => new Beat(place)),
    either.map((place) => new HttpBeat(place)),
    fc.tuple(either, fc.constantFrom(1000, 1001, 4999)).map(([place, code]) => new Close(place, code)),
    either.map((place) => new CloseLate(place)),
    fc.tuple(either, fc.constantFrom(36_000, 41_000)).map(([place, ms]) => new Silence(place, ms)),
    fc.constant(new Sweep(0)),
    fc.constant(new Hibernate(0)),
    fc.constant(new Rebuild(0)),
    fc.constant(new Drain(0)),
    fc.constant(new RegistryFails(0)),
    fc.constant(new RegistryReturns(0)),
  ],
  { maxCommands: 24 },
);

it("presence agrees with the model after random events in random order", async () => {
  const token = await mintToken({ maxUses: 10_000 });
  await fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      const model: Model = { agents: [new Truth(), new Truth()], registryIsUp: true };
      const real: Real = [await enrol(token, model.agents[0]), await enrol(token, model.agents[1])];
      try {
        await fc.asyncModelRun(() => ({ model, real }), commands);
        await settle(model, real);
      } finally {
        if (!model.registryIsUp) await showRegistry();
      }
    }),
    { numRuns: 60 },
  );
}, 240_000);

it("the registry ends in the same state for any order, batching and repetition of the transitions", async () => {
  const { agent } = await TestAgent.online({ token: await mintToken() });
  agent.socket.close(1000, "stopped");
  await vi.waitFor(async () => expect(await row(agent.id)).toMatchObject({ status: "offline" }), SOON);
  let base = (await row(agent.id)).generation;
  const host = { version: "1", os: "linux", arch: "amd64", hostname: "edge-7" };
  const arrivals = fc.array(
    fc.array(fc.record({ generation: fc.integer({ min: 1, max: 4 }), online: fc.boolean() }), { minLength: 1 }),
    { minLength: 1, maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(arrivals, async (batches) => {
      const flushed = batches.map((batch) =>
        batch.map(
          ({ generation, online }): Transition => ({
            ...{ agentId: agent.id, generation: base + generation, address: null, host, closeCode: null },
            ...{ since: 1, lastSeen: 1, connectedAt: 1 },
            ...(online ? { status: "online", reason: null } : { status: "offline", reason: "lost" }),
          }),
        ),
      );
      for (const batch of flushed) await writeTransitions(env.DB, "hub-0", batch);
      const expected = newest(flushed.flat()).get(agent.id);
      expect(await row(agent.id)).toMatchObject({ status: expected?.status, generation: expected?.generation });
      base += 4;
    }),
  );
});
