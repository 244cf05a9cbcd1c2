/** The live feed of one hub: docs/API.md "Live feed". */
import { type LiveStatus, supersedes } from "../presence/presence.ts";
import { type Frame, pack } from "../protocol/batch.ts";
import { Close } from "../protocol/close.ts";
import { encode } from "../protocol/message.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import type { Sockets } from "./connection.ts";
import { FeedBatch } from "./feed-batch.ts";
import { presenceMessage, type RegistryChange, registryMessage } from "./feed-messages.ts";
import { receiveFromViewer } from "./viewer-router.ts";
import { VIEWER_TAG, type ViewerSocket } from "./viewer-socket.ts";
import { ViewerSweep, type ViewerSweepParts } from "./viewer-sweep.ts";
import { Viewers } from "./viewers.ts";
import { viewerWelcome } from "./welcome.ts";

export type { RegistryChange } from "./feed-messages.ts";
export { VIEWER_TAG } from "./viewer-socket.ts";

/** The largest number of viewers of one hub. */
const MAX_VIEWERS = 256;

export interface FeedParts extends ViewerSweepParts {
  /** The manager's version, for the welcome. */
  readonly version: string;
  readonly sockets: Sockets;
}

/** A message for every viewer. */
interface Change {
  readonly frame: string;
  /** Null if it is a change in the registry. */
  readonly presence: LiveStatus | null;
}

/** A message for the viewers that watched its subject when it was published. */
interface Publication {
  readonly frame: string;
  readonly viewers: readonly ViewerSocket[];
}

export class Feed {
  readonly #parts: FeedParts;
  readonly #viewers: Viewers;
  readonly #sweep: ViewerSweep;
  readonly #changes = new FeedBatch<Change>((changes) => this.#sendChanges(changes));
  readonly #publications = new FeedBatch<Publication>((publications) => this.#sendPublications(publications));

  constructor(parts: FeedParts) {
    this.#parts = parts;
    this.#viewers = new Viewers(parts.settings, parts.sockets);
    this.#sweep = new ViewerSweep(parts, this.#viewers);
  }

  /** Opens a viewer's socket: 101, or 429 if there are too many. The caller sets the alarm to {@link dueAt}. */
  open(viewer: Viewer): Response {
    if (this.#viewers.size >= MAX_VIEWERS) {
      const error = { code: "too_many_requests", message: `this hub has ${MAX_VIEWERS} sockets of the feed already` };
      return Response.json({ error }, { status: 429 });
    }
    const { settings, version, window } = this.#parts;
    const { 0: client, 1: server } = new WebSocketPair();
    const opened = this.#viewers.accept(server, viewer);
    const delayMs = window.delayMs(opened.id, Date.now());
    const greeting = viewerWelcome(settings, viewer, version, delayMs, opened.state.creditBytes);
    opened.send(encode("live.welcome", { dataJson: JSON.stringify(greeting) }));
    return new Response(null, { status: 101, webSocket: client });
  }

  /**
   * Call this after {@link open}. The session may have ended after the Worker admitted the viewer, and this hub was told
   * before it had the viewer.
   */
  async confirm({ session }: Viewer): Promise<void> {
    if (session !== null) await this.#sweep.checkSession(session.idHash);
  }

  /** Whether the socket is a viewer's. */
  owns(socket: WebSocket): boolean {
    return this.#parts.sockets.getTags(socket)[0] === VIEWER_TAG;
  }

  /** Sends an agent's presence to every viewer. */
  presence(live: LiveStatus): void {
    if (!this.#viewers.isAnyReady) return;
    const waiting = this.#changes.waiting(live.agentId)?.presence;
    if (waiting && !supersedes(live, waiting)) return;
    this.#changes.add(live.agentId, { frame: presenceMessage(live), presence: live });
  }

  /** Sends a change in the registry to every viewer. */
  registry(agentId: string, change: RegistryChange): void {
    if (!this.#viewers.isAnyReady) return;
    this.#changes.add(Symbol(), { frame: registryMessage(agentId, change), presence: null });
  }

  /** Sends a publication to the viewers that watch its subject. `dataJson` is its payload. */
  published(subject: string, dataJson: string | undefined): void {
    const viewers = this.#viewers.all().filter((viewer) => viewer.isReady && viewer.watches(subject));
    if (viewers.length === 0) return;
    this.#publications.add(Symbol(), { frame: encode(subject, dataJson === undefined ? {} : { dataJson }), viewers });
  }

  /** Handles a viewer's frame. */
  receive(socket: WebSocket, frame: string | ArrayBuffer): void {
    const viewer = this.#viewers.of(socket);
    if (viewer === undefined) return;
    const close = receiveFromViewer(viewer, frame, Date.now());
    if (close === null) viewer.save();
    else this.#viewers.end(viewer, close);
  }

  /** The socket is closed at both ends, or broken. */
  forget(socket: WebSocket): void {
    this.#viewers.forget(socket);
  }

  /** Closes the sockets of a session, or of all sessions if `idHash` is null. Sockets opened with HTTP Basic stay. */
  endSessions(idHash: string | null): void {
    for (const viewer of this.#viewers.ofSession(idHash)) this.#viewers.end(viewer, Close.sessionOver);
  }

  get isEmpty(): boolean {
    return this.#viewers.size === 0;
  }

  /**
   * Closes the sockets whose lease, session or password is no longer valid. Does nothing if the last sweep was just
   * now.
   * @returns when to sweep again; null if there is no viewer
   */
  async sweep(now: number): Promise<number | null> {
    await this.#sweep.sweepIfDue(now);
    return this.dueAt(now);
  }

  /** When the next sweep is due; null if there is no viewer. */
  dueAt(now: number): number | null {
    return this.#sweep.dueAt(now);
  }

  #sendChanges(changes: readonly Change[]): void {
    const frames = this.#pack(changes);
    for (const viewer of this.#viewers.all()) this.#viewers.deliver(viewer, frames);
  }

  #sendPublications(publications: readonly Publication[]): void {
    const watched = new Map<ViewerSocket, number[]>();
    for (const [place, { viewers }] of publications.entries()) {
      for (const viewer of viewers) {
        const places = watched.get(viewer);
        if (places === undefined) watched.set(viewer, [place]);
        else places.push(place);
      }
    }
    // Viewers that watch the same messages get the same frames.
    const packed = new Map<string, Frame[]>();
    for (const [viewer, places] of watched) {
      const key = places.join();
      const frames = packed.get(key) ?? this.#pack(places.flatMap((place) => publications[place] ?? []));
      packed.set(key, frames);
      this.#viewers.deliver(viewer, frames);
    }
  }

  #pack(items: readonly { readonly frame: string }[]): Frame[] {
    const messages = items.map(({ frame }) => frame);
    return pack(messages, this.#parts.settings.maxFrameBytes);
  }
}
