/** The feed of a hub whose agents all reconnect while 50 viewers watch, counted in simulated time. */
import { beforeEach, expect, it, vi } from "vitest";
import { z } from "zod";
import { feedOver, live, NOW, say, settle, TOGETHER_MS, totals, type ViewerFake } from "../../test/feed-fakes.ts";
import { arrive, Durable, load } from "../../test/roster-fakes.ts";
import { pack } from "../protocol/batch.ts";
import { byteLength } from "../protocol/message.ts";
import { CREDIT_WINDOW } from "./credit.ts";
import { reconnectSpreadMs } from "./welcome.ts";

// Counts how often a batch is encoded.
vi.mock("../protocol/batch.ts", { spy: true });

const VIEWERS = 50;
const AGENTS = 4_000;
const STEP_MS = 10;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  vi.mocked(pack).mockClear();
  return () => {
    vi.useRealTimers();
  };
});

const Welcome = z.object({ creditBytes: z.number() });

/** A client that acknowledges as docs/API.md "Credit" asks it to. */
class Client {
  readonly socket: ViewerFake;
  readonly texts: string[] = [];
  acknowledgements = 0;
  readonly windowBytes: number;
  #received = { frames: 0, bytes: 0 };
  #acknowledged = { frames: 0, bytes: 0 };

  constructor(socket: ViewerFake) {
    this.socket = socket;
    const [welcome] = socket.take();
    this.windowBytes = Welcome.parse(welcome?.data).creditBytes;
  }

  /** Reads what came. Returns the totals if they are to be acknowledged. */
  read(): { frames: number; bytes: number } | null {
    const come = this.socket.takeTexts();
    this.texts.push(...come);
    const { frames, bytes } = totals(come);
    this.#received = { frames: this.#received.frames + frames, bytes: this.#received.bytes + bytes };
    const open = {
      frames: this.#received.frames - this.#acknowledged.frames,
      bytes: this.#received.bytes - this.#acknowledged.bytes,
    };
    if (open.frames < 64 && open.bytes < this.windowBytes / 4) return null;
    this.#acknowledged = this.#received;
    this.acknowledgements++;
    return this.#received;
  }

  /** The presences that it has got, in their order. */
  presences(): { agentId: string; generation: number; rttMs: number | null }[] {
    const frames = this.texts.map((text) => JSON.parse(text));
    const messages = frames.flatMap((frame) => (frame.subject === "live.batch" ? frame.data : [frame]));
    return messages.map(({ subject, data }) => ({ agentId: subject.slice("presence.".length), ...data }));
  }
}

/** A hub with all of its agents and viewers. Each agent reconnects once, and reports its `rttMs` a little later. */
function storm(isStalled: (viewer: number) => boolean) {
  const durable = new Durable();
  const { roster, told } = load(durable);
  const { feed, open } = feedOver(durable.sockets);
  // Their leases do not end before they come back.
  for (let n = 0; n < AGENTS; n++) durable.beats.set(arrive(roster, `agent-${n}`), NOW + 30_000);
  told.length = 0;
  const clients = Array.from({ length: VIEWERS }, () => new Client(open()));
  const spreadMs = reconnectSpreadMs(AGENTS, 1);
  let [come, reported, changes] = [0, 0, 0];
  for (let ms = 0; ms <= spreadMs + 5_000; ms += STEP_MS) {
    vi.advanceTimersByTime(STEP_MS);
    for (; come < AGENTS && (come * spreadMs) / AGENTS <= ms; come++) {
      arrive(roster, `agent-${come}`, { generation: NOW + 1_000_000 + come });
    }
    for (; reported < come && (reported * spreadMs) / AGENTS + 3_000 <= ms; reported++) {
      const connection = roster.live(`agent-${reported}`);
      if (connection === undefined) throw new Error("the agent is gone");
      connection.state.rttMs = reported;
      roster.tellPresence(connection);
    }
    for (const live of told.splice(0)) {
      changes++;
      feed.presence(live);
    }
    for (const [n, client] of clients.entries()) {
      durable.beats.set(client.socket, Date.now());
      const received = isStalled(n) ? null : client.read();
      if (received !== null) say(feed, client.socket, "live.credit", received);
    }
  }
  settle();
  for (const client of clients) client.read();
  return { clients, changes, ms: spreadMs + 5_000 };
}

it("sends each viewer at most four frames a second, and each change once", () => {
  const { clients, changes, ms } = storm(() => false);
  expect(changes).toBe(2 * AGENTS);
  const [first] = clients;
  const presences = first?.presences() ?? [];
  // No agent changes twice within one batch.
  expect(presences).toHaveLength(changes);
  const distinct = new Set(presences.map(({ agentId, generation, rttMs }) => `${agentId} ${generation} ${rttMs}`));
  expect(distinct.size).toBe(changes);
  const rtts = new Map(presences.map(({ agentId, rttMs }) => [agentId, rttMs]));
  expect([...rtts]).toEqual(Array.from({ length: AGENTS }, (_, n) => [`agent-${n}`, n]));
  for (const client of clients) {
    expect(client.texts).toEqual(first?.texts);
    expect(client.texts.length).toBeLessThanOrEqual((4 * ms) / 1_000 + 1);
    const { frames, bytes } = totals(client.texts);
    expect(client.acknowledgements).toBeLessThanOrEqual(frames / 64 + bytes / (client.windowBytes / 4));
  }
});

it("encodes each batch once for all viewers", () => {
  const { clients } = storm(() => false);
  // Its batches fit into one frame each.
  expect(pack).toHaveBeenCalledTimes(clients[0]?.texts.length ?? 0);
});

it("gives the others the same when some viewers stall", () => {
  const expected = storm(() => false).clients[0]?.texts;
  vi.setSystemTime(NOW);
  const { clients } = storm((n) => n % 5 === 0);
  for (const [n, { texts }] of clients.entries()) if (n % 5 !== 0) expect(texts).toEqual(expected);
});

it("sends a viewer that stalls no more than its window, and saves it no more after that", () => {
  const durable = new Durable();
  const { feed, open } = feedOver(durable.sockets);
  const { roster, told } = load(durable);
  const connection = roster.connections.bySocket(arrive(roster, "a"));
  if (connection === undefined) throw new Error("the agent is gone");
  const [stalled, client] = [open(), new Client(open())];
  stalled.take();
  told.length = 0;
  let saves = 0;
  for (let n = 0; n < 1_000; n++) {
    connection.state.rttMs = n;
    roster.tellPresence(connection);
    for (const live of told.splice(0)) feed.presence(live);
    vi.advanceTimersByTime(TOGETHER_MS);
    for (const { socket } of [{ socket: stalled }, client]) durable.beats.set(socket, Date.now());
    const received = client.read();
    if (received !== null) say(feed, client.socket, "live.credit", received);
    if (n === 500) saves = stalled.saves;
  }
  expect(client.presences().map(({ rttMs }) => rttMs)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  expect(client.acknowledgements).toBe(Math.floor(1_000 / 64));
  expect(stalled.takeTexts()).toHaveLength(CREDIT_WINDOW.frames);
  expect(stalled.saves).toBe(saves);
});

it("never holds back more than a viewer's window, however much comes at once", () => {
  const { feed, open } = feedOver();
  const socket = open();
  const drained: number[] = [];
  socket.take();
  for (let n = 0; n < 20_000; n++) {
    feed.presence(live(`agent-${n}`));
    if (socket.sent.length === 0) continue;
    const frames = socket.takeTexts();
    drained.push(frames.reduce((sum, text) => sum + byteLength(text), 0));
    say(feed, socket, "live.credit", { frames: 1e9, bytes: 1e9 });
  }
  expect(drained.length).toBeGreaterThan(5);
  // The batches around the messages take a little more.
  for (const bytes of drained) expect(bytes).toBeLessThanOrEqual(1.01 * CREDIT_WINDOW.bytes);
});
