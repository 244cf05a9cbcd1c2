/**
 * A client of the live feed that keeps to docs/API.md "Keeping the list up to date" and "Credit". It is written from the
 * contract alone and shares no code with the hub or the dashboard. A test opens its sockets, reads its pages and lets it
 * stall.
 */

import { vi } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

interface Message {
  readonly subject: string;
  readonly data?: unknown;
}

/** The fields of `presence`. */
export const PRESENCE = [
  ...["generation", "status", "reason", "since", "lastSeen", "connectedAt", "version", "os", "arch", "hostname"],
  ...["address", "rttMs", "skewMs"],
];
/** The other fields, apart from `flapping` and `flappingUntil`. */
export const RECORD = ["id", "revision", "name", "labels", "createdAt", "clone", "revokedAt"];

interface Known {
  presence: Fields | null;
  isFromFeed: boolean;
  /** Null if only the presence was told yet. The agent is shown once it is known. */
  record: Fields | null;
  flappingUntil: number | null;
}

/** How the client reaches the manager. */
export interface Connections {
  open(shard: number): Promise<WebSocket>;
  list(path: string): Promise<Response>;
}

interface Feed {
  readonly socket: WebSocket;
  readonly unread: string[];
  received: { frames: number; bytes: number };
  acknowledged: { frames: number; bytes: number };
  welcome: Fields | null;
  beatsAnswered: number;
  closed: number | null;
}

interface Reading {
  next: string;
  readonly listed: Set<string>;
  /** The agents of which the feed has told since it began. */
  readonly told: Set<string>;
  readonly removedBefore: readonly string[];
}

export class LiveClient {
  readonly feeds = new Map<number, Feed>();
  /** How often it was told to read the list again. */
  resyncs = 0;
  /** Whether the whole list was read since the last socket was opened and the last resync. */
  isCurrent = false;
  readonly #connections: Connections;
  readonly #agents = new Map<string, Known>();
  readonly #removed = new Set<string>();
  readonly #onShown: (agent: Fields) => void;
  #reading: Reading | null = null;
  #isStalled = false;

  /** @param onShown called with each agent that has changed, as it is shown now */
  constructor(connections: Connections, onShown: (agent: Fields) => void) {
    this.#connections = connections;
    this.#onShown = onShown;
  }

  /** Opens the sockets that are missing. If the hubs have changed, it begins again with the first. */
  async open(): Promise<void> {
    if ([...this.feeds.values()].some(({ closed }) => closed === 4503)) {
      for (const { socket } of this.feeds.values()) socket.close(1000);
      this.feeds.clear();
    }
    const first = await this.#openShard(0);
    for (let shard = 1; shard < Number(first.welcome?.shards); shard++) await this.#openShard(shard);
  }

  /** Whether a part of the list has been read. */
  get isReading(): boolean {
    return this.#reading !== null;
  }

  /** Reads one page of the list. Returns whether it was the last one. */
  async readPage(): Promise<boolean> {
    const first = "/api/agents?limit=2";
    this.#reading ??= { next: first, listed: new Set(), told: new Set(), removedBefore: [...this.#removed] };
    const reading = this.#reading;
    const response = await this.#connections.list(reading.next);
    if (!response.ok) throw new Error(`the list was answered with ${response.status}`);
    const agents: Fields[] = await response.json();
    if (this.#reading !== reading) return false;
    for (const agent of agents) {
      reading.listed.add(String(agent.id));
      this.#take(agent, false);
    }
    const next = /<([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
    if (next !== undefined) {
      reading.next = next;
      return false;
    }
    for (const id of this.#agents.keys()) {
      if (!reading.listed.has(id) && !reading.told.has(id)) this.#agents.delete(id);
    }
    for (const id of reading.removedBefore) this.#removed.delete(id);
    this.#reading = null;
    this.isCurrent = true;
    return true;
  }

  /** The agents as they are shown at `now`, by id. */
  shown(now: number): Map<string, Fields> {
    const shown = [...this.#agents].flatMap(([id, known]) => {
      const agent = show(known, now);
      return agent === null ? [] : [[id, agent] as const];
    });
    return new Map(shown);
  }

  /** Leaves what comes unread. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    for (const feed of this.feeds.values()) for (const text of feed.unread.splice(0)) this.#process(feed, text);
  }

  async beat(): Promise<void> {
    const open = [...this.feeds.values()].filter(({ closed }) => closed === null);
    const answered = open.map(({ beatsAnswered }) => beatsAnswered);
    for (const { socket } of open) socket.send('{"subject":"agent.heartbeat"}');
    await until(() => open.every((feed, n) => feed.closed !== null || feed.beatsAnswered > (answered[n] ?? 0)));
  }

  async #openShard(shard: number): Promise<Feed> {
    const known = this.feeds.get(shard);
    if (known?.closed === null) return known;
    const socket = await this.#connections.open(shard);
    const none = { frames: 0, bytes: 0 };
    const state = { unread: [], received: none, acknowledged: none, welcome: null, beatsAnswered: 0, closed: null };
    const feed: Feed = { socket, ...state };
    this.feeds.set(shard, feed);
    socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      if (text === '{"subject":"agent.heartbeat.ack"}') feed.beatsAnswered++;
      else if (this.#isStalled) feed.unread.push(text);
      else this.#process(feed, text);
    });
    socket.addEventListener("close", ({ code }) => {
      feed.closed = code;
    });
    socket.accept();
    await until(() => feed.welcome !== null || feed.closed !== null);
    this.#beginAgain();
    return feed;
  }

  #process(feed: Feed, text: string): void {
    const message: Message = JSON.parse(text);
    if (message.subject === "live.welcome") feed.welcome = message.data as Fields;
    else if (!message.subject.startsWith("inbox.")) {
      this.#apply(message);
      this.#acknowledge(feed, new TextEncoder().encode(text).length);
    }
  }

  #acknowledge(feed: Feed, bytes: number): void {
    const { received, acknowledged, welcome } = feed;
    feed.received = { frames: received.frames + 1, bytes: received.bytes + bytes };
    const isDue =
      feed.received.frames - acknowledged.frames >= 64 ||
      feed.received.bytes - acknowledged.bytes >= Number(welcome?.creditBytes) / 4;
    if (!isDue || feed.closed !== null) return;
    feed.acknowledged = feed.received;
    feed.socket.send(JSON.stringify({ subject: "live.credit", data: feed.received }));
  }

  #apply({ subject, data }: Message): void {
    const [kind, id = ""] = subject.split(".");
    if (subject === "live.batch") for (const message of data as Message[]) this.#apply(message);
    else if (subject === "live.resync") {
      this.resyncs++;
      this.#beginAgain();
    } else if (kind === "presence") this.#take({ ...(data as Fields), id }, true);
    else if (kind === "registry") this.#applyRegistry(id, data as Fields);
  }

  #applyRegistry(id: string, { change, agent, flappingUntil }: Fields): void {
    if (change === "flapping") this.#take({ id, flappingUntil }, true);
    else if (agent !== null) this.#take(agent as Fields, true);
    else {
      this.#removed.add(id);
      this.#agents.delete(id);
    }
  }

  /** The list must be read again from its start. */
  #beginAgain(): void {
    this.isCurrent = false;
    this.#reading = null;
  }

  /** Takes over the fields of an agent that are newer than those at hand. */
  #take(fields: Fields, isFromFeed: boolean): void {
    const id = String(fields.id);
    if (isFromFeed) this.#reading?.told.add(id);
    if (this.#removed.has(id)) return;
    const known = this.#agents.get(id) ?? { presence: null, isFromFeed: false, record: null, flappingUntil: null };
    this.#agents.set(id, known);
    if (fields.generation !== undefined && isNewer(fields, isFromFeed, known)) {
      known.presence = pick(fields, PRESENCE);
      known.isFromFeed = isFromFeed;
    }
    if (fields.revision !== undefined && Number(fields.revision) >= Number(known.record?.revision ?? 0)) {
      known.record = pick(fields, RECORD);
    }
    if (fields.flappingUntil != null) {
      known.flappingUntil = Math.max(Number(fields.flappingUntil), known.flappingUntil ?? 0);
    }
    const shown = show(known, 0);
    if (shown !== null) this.#onShown(shown);
  }
}

function isNewer(next: Fields, isFromFeed: boolean, { presence, isFromFeed: wasFromFeed }: Known): boolean {
  if (presence === null) return true;
  if (next.generation !== presence.generation) return Number(next.generation) > Number(presence.generation);
  if (presence.status === "offline" || next.status === "offline")
    return next.status !== presence.status && next.status === "offline";
  if (next.lastSeen !== presence.lastSeen) return Number(next.lastSeen) > Number(presence.lastSeen);
  return isFromFeed || !wasFromFeed;
}

function show({ presence, record, flappingUntil }: Known, now: number): Fields | null {
  if (presence === null || record === null) return null;
  const reason = presence.status === "offline" && record.revokedAt !== null ? "revoked" : presence.reason;
  const until = flappingUntil !== null && flappingUntil > now ? flappingUntil : null;
  return { ...record, ...presence, reason, flapping: until !== null, flappingUntil: until };
}

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}

async function until(isSo: () => boolean): Promise<void> {
  await vi.waitUntil(isSo, { timeout: 30_000, interval: 1 });
}
