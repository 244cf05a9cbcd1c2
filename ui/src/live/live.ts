import type { Agent } from "../agents/agent.ts";
import { ApiError } from "../api.ts";
import { type Fact, parseFact } from "./facts.ts";
import { Feed } from "./feed.ts";
import { type Changes, Fleet } from "./fleet.ts";
import { type Message, readable } from "./message.ts";

/** The list is read again after that time, in case a change was lost. */
const readEveryMs = 10 * 60_000;
/** The same while WebSockets are blocked. */
export const readBlockedEveryMs = 15_000;
/** After a reading that failed, at first; the wait doubles up to `readBlockedEveryMs`. */
const readAgainMs = 1_000;
/** The first reading waits that long for the sockets, so that one reading is enough. */
const socketsWithinMs = 1_000;
/** An operator who goes through the tabs of a browser does not look at each of them. */
const looksAfterMs = 500;

export interface LiveState {
  /** `live`: what is shown is what the manager has. `blocked`: it is read again and again instead. */
  readonly status: "connecting" | "live" | "blocked";
  /** Whether the whole list has been read once. */
  readonly loaded: boolean;
  /** The time by this page's clock at which everything shown was last right; null while it is live or not loaded. */
  readonly knownAt: number | null;
  /** Why the last reading failed. */
  readonly error: Error | null;
  /** The number of hubs; 1 before all of them have welcomed the page once. */
  readonly hubs: number;
}

export const initialState: LiveState = { status: "connecting", loaded: false, knownAt: null, error: null, hubs: 1 };

export interface Page {
  readonly agents: readonly Agent[];
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

export interface LiveOptions {
  openSocket(shard: number): WebSocket;
  readPage(cursor: string | null, signal: AbortSignal): Promise<Page>;
  onAgents(changes: Changes): void;
  /** What {@link Live.watch} has asked for. */
  onPublished(message: Message): void;
  onState(state: LiveState): void;
  onManagerTime(time: number, exact: boolean): void;
  onSessionOver(): void;
}

/** The agents as the manager has them: the feed, and readings of the list when docs/API.md "Being right" wants one. */
export class Live {
  readonly #options: LiveOptions;
  readonly #fleet: Fleet;
  readonly #feed: Feed;
  readonly #stopped = new AbortController();
  #visible = true;
  #state = initialState;
  /** Counts what a reading has to make good; {@link #madeGood} is the count at which the last one began. */
  #gaps = 1;
  #madeGood = 0;
  #blocked = false;
  #reading = false;
  /** A reading is wanted that begins after the present one. */
  #readAgain = false;
  #failedReadings = 0;
  #readTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#fleet = new Fleet(options.onAgents);
    this.#feed = new Feed(options.openSocket, {
      complete: () => this.#completed(),
      lost: (lastFrameAt) => this.#gap(lastFrameAt),
      failed: (blocked) => this.#failed(blocked),
      told: (messages) => {
        this.apply(messages.flatMap((message) => readable(() => parseFact(message)) ?? []));
        for (const message of messages) if (message.subject.startsWith("fleet.")) options.onPublished(message);
      },
      resync: () => {
        this.#gap(Date.now());
        this.#read();
      },
      managerTime: options.onManagerTime,
      sessionOver: () => this.#end(),
    });
  }

  start(visible: boolean): void {
    this.#visible = visible;
    this.#feed.start();
    this.#readIn(socketsWithinMs);
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#readTimer);
    this.#feed.stop();
  }

  /** Takes over what an answer of the manager tells. */
  apply(facts: readonly Fact[]): void {
    if (facts.length > 0) this.#fleet.apply(facts);
  }

  /** Whether to be told of all that is published on `fleet.>`. */
  watch(on: boolean): void {
    this.#feed.watch(on ? ["fleet.>"] : []);
  }

  setVisible(visible: boolean): void {
    this.#visible = visible;
    if (!visible) return;
    this.#feed.wake();
    if (this.#reading) this.#readAgain = true;
    else this.#readIn(looksAfterMs);
  }

  #completed(): void {
    this.#blocked = false;
    this.#feed.blocked = false;
    this.#gaps += 1;
    this.#set({ hubs: this.#feed.hubs });
    this.#read();
  }

  #failed(blocked: boolean): void {
    // A browser does not tell a page why a socket failed. A reading finds out whether the session is over, and whether
    // the manager can be reached.
    if (blocked && !this.#blocked) this.#blocked = true;
    else if (this.#state.loaded || this.#reading) return;
    this.#read();
  }

  /** Changes may have been missed since that time. */
  #gap(since: number): void {
    this.#gaps += 1;
    if (this.#state.status === "live") this.#set({ status: "connecting", knownAt: since });
  }

  #readIn(ms: number): void {
    clearTimeout(this.#readTimer);
    this.#readTimer = setTimeout(() => {
      // A page that becomes visible reads in any case.
      if (this.#visible) this.#read();
    }, ms);
  }

  #read(): void {
    if (this.#reading) {
      this.#readAgain = true;
      return;
    }
    clearTimeout(this.#readTimer);
    this.#reading = true;
    void this.#readAll().finally(() => {
      this.#reading = false;
      if (this.#stopped.signal.aborted) return;
      const again = this.#readAgain && this.#failedReadings === 0;
      this.#readAgain = false;
      if (again) this.#read();
      else this.#readIn(this.#untilNextReading());
    });
  }

  #untilNextReading(): number {
    if (this.#failedReadings > 0) return Math.min(readBlockedEveryMs, readAgainMs * 2 ** (this.#failedReadings - 1));
    return this.#blocked ? readBlockedEveryMs : readEveryMs;
  }

  async #readAll(): Promise<void> {
    const [began, gaps] = [Date.now(), this.#gaps];
    const complete = this.#feed.isComplete;
    const reading = this.#fleet.beginReading();
    try {
      let cursor: string | null = null;
      do {
        const page: Page = await this.#options.readPage(cursor, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return;
        reading.page(page.agents);
        cursor = page.next;
      } while (cursor !== null);
    } catch (error) {
      this.#readingFailed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    reading.complete();
    const managerIsBack = this.#failedReadings > 0;
    this.#failedReadings = 0;
    if (complete) this.#madeGood = gaps;
    if (managerIsBack && this.#blocked) {
      this.#blocked = false;
      this.#feed.startAfresh();
    }
    this.#feed.blocked = this.#blocked;
    const live = this.#feed.isComplete && this.#madeGood === this.#gaps;
    this.#set({
      status: live ? "live" : this.#blocked ? "blocked" : "connecting",
      loaded: true,
      knownAt: live ? null : began,
      error: null,
    });
  }

  #readingFailed(error: Error): void {
    if (this.#stopped.signal.aborted) return;
    if (error instanceof ApiError && error.status === 401) {
      this.#end();
      return;
    }
    this.#failedReadings += 1;
    // A live page stays live: only the check of what it shows is late.
    this.#set(this.#state.status === "live" ? { error } : { status: "connecting", error });
  }

  #end(): void {
    this.stop();
    this.#options.onSessionOver();
  }

  #set(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }
}
