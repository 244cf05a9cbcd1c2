import type { Agent } from "../agents/agent.ts";
import { ApiError } from "../api.ts";
import { tryParse } from "../json.ts";
import { type Fact, parseFact } from "./facts.ts";
import { Feed } from "./feed.ts";
import { type Changes, Fleet } from "./fleet.ts";
import type { Message } from "./message.ts";

/** The list is read again after this time, in case a change was missed. */
const readEveryMs = 10 * 60_000;
/** The same while WebSockets are blocked. */
export const readBlockedEveryMs = 15_000;
/** The first wait after a failed reading. It doubles up to `readBlockedEveryMs`. */
const readAgainMs = 1_000;
/** The first reading waits this long for the sockets to open. If it began earlier, a second one would be needed. */
const socketsWithinMs = 1_000;
/** The list is read only after the page was visible for this long, because an operator may just switch through tabs. */
const looksAfterMs = 500;

/**
 * The list is read so long after the manager has dropped messages, and up to as long again, by chance. A drain makes every
 * hub drop messages for every page: each page then needs one reading, and not all pages ask at once.
 */
const gatherMs = 500;

export interface LiveState {
  /** `live`: the page shows the present state. `blocked`: WebSockets are blocked, so the page polls the list. */
  readonly status: "connecting" | "live" | "blocked";
  /** Whether the whole list has been read once. */
  readonly loaded: boolean;
  /** How often the whole list has been read. */
  readonly readings: number;
  /** When everything shown was last correct, by this page's clock; null while live, or before the list was read. */
  readonly knownAt: number | null;
  /** Why the last reading failed. */
  readonly error: Error | null;
  /** The number of hubs; 1 before all of them have welcomed the page once. */
  readonly hubs: number;
  /** How many agents of the last reading this page could not read. They are not shown. */
  readonly unreadable: number;
}

export const initialState: LiveState = {
  ...{ status: "connecting", loaded: false, readings: 0, knownAt: null },
  ...{ error: null, hubs: 1, unreadable: 0 },
};

export interface Page {
  readonly agents: readonly Agent[];
  /** How many more there are that cannot be read. */
  readonly unreadable: number;
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

export interface LiveOptions {
  openSocket(shard: number): WebSocket;
  /** @param recorded whether the page need only have what the database has, so that no hub is asked */
  readPage(cursor: string | null, recorded: boolean, signal: AbortSignal): Promise<Page>;
  onAgents(changes: Changes): void;
  /** What {@link Live.watch} has asked for. */
  onPublished(message: Message): void;
  onState(state: LiveState): void;
  onManagerTime(time: number, exact: boolean): void;
  onSessionOver(): void;
}

/**
 * Keeps the agents as the manager has them, with the feed and with readings of the list: docs/API.md "Keeping the list up
 * to date".
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #fleet: Fleet;
  readonly #feed: Feed;
  readonly #stopped = new AbortController();
  #visible = true;
  #state = initialState;
  /** Number of gaps in the feed. A reading closes all gaps before its beginning; {@link #madeGood} is their number. */
  #gaps = 1;
  #madeGood = 0;
  #blocked = false;
  #reading = false;
  /** Whether another reading must follow the present one. */
  #readAgain = false;
  #failedReadings = 0;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #resync: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#fleet = new Fleet(options.onAgents);
    this.#feed = new Feed(options.openSocket, {
      complete: () => this.#completed(),
      lost: (lastFrameAt) => this.#gap(lastFrameAt),
      failed: (blocked) => this.#failed(blocked),
      told: (messages) => {
        this.apply(messages.flatMap((message) => tryParse(() => parseFact(message)) ?? []));
        for (const message of messages) if (message.subject.startsWith("fleet.")) options.onPublished(message);
      },
      resync: () => {
        this.#gap(Date.now());
        // A page that nobody looks at reads too: it announces the agents that are lost.
        this.#resync ??= setTimeout(() => this.#read(), gatherMs * (1 + Math.random()));
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
    clearTimeout(this.#resync);
    this.#feed.stop();
  }

  /** Applies facts, such as those in an answer of the manager. */
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
    // A browser does not tell a page why a socket failed. A reading shows whether the session is over, and whether the
    // manager can be reached.
    if (blocked && !this.#blocked) this.#blocked = true;
    else if (this.#state.loaded || this.#reading) return;
    this.#read();
  }

  /** Changes may have been missed since this time. */
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
    clearTimeout(this.#resync);
    this.#resync = undefined;
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
    // If the feed has told everything since the last reading, only changes of the registry can be missing.
    const recorded = complete && this.#madeGood === gaps;
    const reading = this.#fleet.beginReading();
    let unreadable = 0;
    try {
      let cursor: string | null = null;
      do {
        const page: Page = await this.#options.readPage(cursor, recorded, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return;
        reading.page(page.agents);
        unreadable += page.unreadable;
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
      readings: this.#state.readings + 1,
      knownAt: live ? null : began,
      error: null,
      unreadable,
    });
  }

  #readingFailed(error: Error): void {
    if (this.#stopped.signal.aborted) return;
    if (error instanceof ApiError && error.status === 401) {
      this.#end();
      return;
    }
    this.#failedReadings += 1;
    // A live page stays live, because the feed still works. Only the regular check is late.
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
