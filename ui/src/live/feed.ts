import { closeCode, HubSocket } from "./hubSocket.ts";
import type { Message } from "./message.ts";

/**
 * A wait before a socket is opened again is random, up to a limit in ms. The limit doubles each time, from first to
 * longest.
 */
const firstWaitMs = 1_000;
const longestWaitMs = 30_000;
/** The least wait after the manager has closed a socket for bad frames or for too many messages. */
const penaltyMs = 60_000;
/** The wait while WebSockets are blocked, for example by a proxy. */
const blockedWaitMs = 60_000;

/** After a socket was open for this long, the waits start short again. */
const stableAfterMs = 60_000;

/** After this many attempts in a row without a welcome, WebSockets count as blocked. */
const failuresUntilBlocked = 3;

export interface FeedEvents {
  /** All sockets are open, and at least one of them is new. */
  complete(): void;
  /** An open socket is lost. Its last frame came at `lastFrameAt`, by this page's clock. */
  lost(lastFrameAt: number): void;
  /** A socket could not be opened. `blocked`: WebSockets seem to be blocked. */
  failed(blocked: boolean): void;
  told(messages: readonly Message[]): void;
  resync(): void;
  /** The manager's clock. `exact`: the time comes from a welcome, which is never delayed. */
  managerTime(time: number, exact: boolean): void;
  sessionOver(): void;
}

interface HubConnection {
  socket: HubSocket | undefined;
  openedAt: number;
  /** Number of sockets in a row that were open only for a short time. */
  losses: number;
  /** Number of attempts in a row without a welcome. */
  failures: number;
  retry: ReturnType<typeof setTimeout> | undefined;
  /** No socket is opened before this time; `performance.now()`. */
  bannedUntil: number;
}

/** The live feed of the whole manager, docs/API.md: one socket to each hub, which is opened again when it is lost. */
export class Feed {
  /** Whether WebSockets are blocked. If so, attempts are rare. */
  blocked = false;
  readonly #open: (shard: number) => WebSocket;
  readonly #events: FeedEvents;
  #connections: HubConnection[] = [];
  #watched: readonly string[] = [];

  constructor(open: (shard: number) => WebSocket, events: FeedEvents) {
    this.#open = open;
    this.#events = events;
  }

  get isComplete(): boolean {
    return this.#connections.length > 0 && this.#connections.every(({ socket }) => socket?.isWelcome === true);
  }

  /** The number of hubs; 1 before the first welcome. */
  get hubs(): number {
    return this.#connections.length;
  }

  /**
   * What is published on these patterns is told too, instead of what was watched before. Each hub publishes everything, so
   * only the first is asked.
   */
  watch(patterns: readonly string[]): void {
    const [first] = this.#connections;
    if (first?.socket?.isWelcome) {
      if (this.#watched.length > 0) first.socket.watch(this.#watched, false);
      if (patterns.length > 0) first.socket.watch(patterns, true);
    }
    this.#watched = patterns;
  }

  start(): void {
    this.#resize(1);
  }

  stop(): void {
    this.#resize(0);
  }

  /** Checks the open sockets, and opens the others now. */
  wake(): void {
    for (const [shard, connection] of this.#connections.entries()) {
      if (connection.socket !== undefined) connection.socket.probe();
      else if (performance.now() >= connection.bannedUntil) this.#connect(shard, connection);
    }
  }

  /** The manager answers again, so earlier failures do not count any more. */
  startAfresh(): void {
    this.blocked = false;
    for (const connection of this.#connections) Object.assign(connection, { losses: 0, failures: 0 });
    this.wake();
  }

  #resize(shards: number): void {
    for (const { socket, retry } of this.#connections.splice(shards)) {
      clearTimeout(retry);
      socket?.close();
    }
    while (this.#connections.length < shards) {
      const connection = { socket: undefined, openedAt: 0, losses: 0, failures: 0, retry: undefined, bannedUntil: 0 };
      this.#connect(this.#connections.push(connection) - 1, connection);
    }
  }

  #connect(shard: number, connection: HubConnection): void {
    clearTimeout(connection.retry);
    connection.openedAt = performance.now();
    const socket = new HubSocket(this.#open(shard), {
      ...this.#events,
      managerTime: (time) => this.#events.managerTime(time, false),
      welcomed: ({ shards, serverTime }) => {
        connection.failures = 0;
        if (shard === 0 && this.#watched.length > 0) socket.watch(this.#watched, true);
        this.#events.managerTime(serverTime, true);
        this.#resize(shards);
        if (this.isComplete) this.#events.complete();
      },
      ended: (code) => {
        connection.socket = undefined;
        this.#ended(shard, connection, socket, code);
      },
    });
    connection.socket = socket;
  }

  #ended(shard: number, connection: HubConnection, { isWelcome, lastFrameAt }: HubSocket, code: number): void {
    if (code === closeCode.sessionOver) {
      this.stop();
      this.#events.sessionOver();
      return;
    }
    const lived = performance.now() - connection.openedAt;
    connection.losses = isWelcome && lived >= stableAfterMs ? 0 : connection.losses + 1;
    if (code === closeCode.policyViolation || code === closeCode.rateLimited) {
      connection.bannedUntil = performance.now() + penaltyMs;
    }
    if (!isWelcome) connection.failures += 1;
    const wait = this.#wait(connection);
    if (code === closeCode.goingAway) {
      // The number of hubs may have changed. The welcome of hub 0 has the new number.
      this.#resize(1);
      const [first] = this.#connections;
      first?.socket?.close();
      if (first !== undefined)
        this.#connectLater(0, Object.assign(first, { socket: undefined, losses: connection.losses }), wait);
    } else {
      this.#connectLater(shard, connection, wait);
    }
    if (isWelcome && lastFrameAt !== null) this.#events.lost(lastFrameAt);
    else this.#events.failed(connection.failures >= failuresUntilBlocked || code === closeCode.leaseExpired);
  }

  #connectLater(shard: number, connection: HubConnection, wait: number): void {
    clearTimeout(connection.retry);
    connection.retry = setTimeout(() => this.#connect(shard, connection), wait);
  }

  #wait({ losses, bannedUntil }: HubConnection): number {
    const random = Math.random() * Math.min(longestWaitMs, firstWaitMs * 2 ** Math.max(0, losses - 1));
    const banned = bannedUntil - performance.now();
    if (banned > 0) return banned + random;
    return this.blocked ? blockedWaitMs : random;
  }
}
