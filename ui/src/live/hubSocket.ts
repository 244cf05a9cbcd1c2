import { tryParse } from "../json.ts";
import {
  heartbeatAnswer,
  heartbeatFrame,
  type Message,
  parseFrame,
  parseWelcome,
  unpack,
  type Welcome,
} from "./message.ts";

/** The close codes of docs/API.md "The end of a socket" that a client handles specially. */
export const closeCode = {
  policyViolation: 4400,
  sessionOver: 4401,
  /** Also used here when the page gives up a socket because nothing comes from the manager. */
  leaseExpired: 4408,
  rateLimited: 4429,
  goingAway: 4503,
} as const;

/** If no welcome has come after this time, the page gives up the socket. */
const welcomeWithinMs = 10_000;

/** The page acknowledges after this many frames, and after this share of the window's bytes. */
const creditStep = { frames: 64, shareOfBytes: 1 / 4 };

interface HubSocketEvents {
  welcomed(welcome: Welcome): void;
  /** The messages of one frame. */
  told(messages: readonly Message[]): void;
  /** The manager has dropped messages for this client. */
  resync(): void;
  /** The manager's clock, from the latest frame. */
  managerTime(time: number): void;
  /** The socket is closed or given up; nothing more comes from it. */
  ended(code: number): void;
}

/** One socket of the live feed, to one hub: its welcome, heartbeats and credit. It does not reconnect. */
export class HubSocket {
  /** By this page's clock; null before the first frame. */
  lastFrameAt: number | null = null;
  readonly #socket: WebSocket;
  readonly #events: HubSocketEvents;
  readonly #listening = new AbortController();
  #welcome: Welcome | undefined;
  #nextBeatAt = 0;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  readonly #processed = { frames: 0, bytes: 0 };
  #acknowledged = { frames: 0, bytes: 0 };

  constructor(socket: WebSocket, events: HubSocketEvents) {
    this.#socket = socket;
    this.#events = events;
    const { signal } = this.#listening;
    socket.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    socket.addEventListener("close", ({ code }) => this.#end(code), { signal });
    this.#deadline = setTimeout(() => this.#end(closeCode.leaseExpired), welcomeWithinMs);
  }

  get isWelcome(): boolean {
    return this.#welcome !== undefined;
  }

  /**
   * Checks now whether the manager still answers. A machine that wakes from sleep does not notice that its sockets
   * broke.
   */
  probe(): void {
    if (this.#welcome !== undefined) this.#beat(this.#welcome);
  }

  /** Asks the manager for what is published on these patterns, or for no more of it. */
  watch(patterns: readonly string[], on: boolean): void {
    this.#send(JSON.stringify({ subject: on ? "live.subscribe" : "live.unsubscribe", data: { patterns } }));
  }

  close(): void {
    this.#listening.abort();
    clearTimeout(this.#beatTimer);
    clearTimeout(this.#deadline);
    this.#socket.close();
  }

  #end(code: number): void {
    this.close();
    this.#events.ended(code);
  }

  #receive(frame: unknown): void {
    if (typeof frame !== "string") return;
    this.lastFrameAt = Date.now();
    if (this.#welcome !== undefined) this.#heard(this.#welcome);
    if (frame === heartbeatAnswer) return;
    const message = tryParse(() => parseFrame(frame));
    if (message?.subject === "live.welcome") {
      this.#begin(message.data);
      return;
    }
    if (message !== undefined) this.#deliver(message);
    this.#count(frame);
  }

  #deliver(message: Message): void {
    if (message.timestamp !== null) this.#events.managerTime(message.timestamp);
    if (message.subject === "live.resync") this.#events.resync();
    else this.#events.told(unpack(message));
  }

  #begin(data: unknown): void {
    const welcome = tryParse(() => parseWelcome(data));
    if (welcome === undefined || this.#welcome !== undefined) return;
    this.#welcome = welcome;
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#nextBeatAt = performance.now() + welcome.heartbeatDelayMs;
    this.#beat(welcome);
    this.#events.welcomed(welcome);
  }

  #beat({ leaseMs, heartbeatIntervalMs }: Welcome): void {
    this.#send(heartbeatFrame);
    this.#deadline ??= setTimeout(() => this.#end(closeCode.leaseExpired), leaseMs - heartbeatIntervalMs);
  }

  /**
   * Plans the next beat when a frame arrives, not when the last beat is sent. In a hidden page, browsers run a timer
   * that was set by another timer only once a minute.
   */
  #heard(welcome: Welcome): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    if (this.#beatTimer !== undefined) return;
    const late = performance.now() - this.#nextBeatAt;
    if (late >= 0)
      this.#nextBeatAt += (Math.floor(late / welcome.heartbeatIntervalMs) + 1) * welcome.heartbeatIntervalMs;
    this.#beatTimer = setTimeout(() => {
      this.#beatTimer = undefined;
      this.#beat(welcome);
    }, this.#nextBeatAt - performance.now());
  }

  /** Counts a frame for the credit, as the manager does. The welcome and answers to heartbeats do not count. */
  #count(frame: string): void {
    if (this.#welcome === undefined) return;
    this.#processed.frames += 1;
    this.#processed.bytes += new TextEncoder().encode(frame).length;
    const frames = this.#processed.frames - this.#acknowledged.frames;
    const bytes = this.#processed.bytes - this.#acknowledged.bytes;
    if (frames >= creditStep.frames || bytes >= this.#welcome.creditBytes * creditStep.shareOfBytes)
      this.#acknowledge();
  }

  #acknowledge(): void {
    this.#acknowledged = { ...this.#processed };
    this.#send(JSON.stringify({ subject: "live.credit", data: this.#acknowledged }));
  }

  #send(frame: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }
}
