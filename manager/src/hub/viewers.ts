/** The viewers of one hub: their sockets, and what is sent to them. */
import type { Settings } from "../config.ts";
import type { Frame } from "../protocol/batch.ts";
import { Close } from "../protocol/close.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import type { Sockets } from "./connection.ts";
import { CREDIT_WINDOW } from "./credit.ts";
import { endSocket, sessionTag, VIEWER_TAG, ViewerSocket } from "./viewer-socket.ts";
import { sameViewerTerms, viewerTermsOf } from "./viewer-state.ts";

/**
 * The sum of the credit windows of all viewers of a hub up to which each gets a whole one. Later ones get a narrow one.
 * With 256 viewers that makes 64 MiB at most, half of the memory that the runtime gives a hub.
 */
const WHOLE_WINDOWS_BYTES = 32 * CREDIT_WINDOW.bytes;
const NARROW_WINDOW_BYTES = CREDIT_WINDOW.bytes / 8;

export class Viewers {
  readonly #settings: Settings;
  readonly #sockets: Sockets;
  /** Null until a viewer is needed, because most hubs that wake have none. */
  #loaded: Map<WebSocket, ViewerSocket> | null = null;

  constructor(settings: Settings, sockets: Sockets) {
    this.#settings = settings;
    this.#sockets = sockets;
  }

  accept(socket: WebSocket, viewer: Viewer): ViewerSocket {
    const accepted = ViewerSocket.accept(this.#sockets, socket, this.#settings, viewer, this.#nextWindowBytes());
    this.#bySocket.set(socket, accepted);
    return accepted;
  }

  /** The bytes of the credit window that one more viewer gets. */
  #nextWindowBytes(): number {
    const sum = this.all().reduce((bytes, { state }) => bytes + state.creditBytes, 0);
    return sum + CREDIT_WINDOW.bytes <= WHOLE_WINDOWS_BYTES ? CREDIT_WINDOW.bytes : NARROW_WINDOW_BYTES;
  }

  get size(): number {
    return this.#bySocket.size;
  }

  of(socket: WebSocket): ViewerSocket | undefined {
    return this.#bySocket.get(socket);
  }

  /** All viewers, as a copy: a loop over it may end them. */
  all(): ViewerSocket[] {
    return [...this.#bySocket.values()];
  }

  /** The viewers of a session, or of all sessions if `idHash` is null. */
  ofSession(idHash: string | null): ViewerSocket[] {
    const sockets = this.#sockets.getWebSockets(idHash === null ? VIEWER_TAG : sessionTag(idHash));
    const viewers = sockets.map((socket) => this.of(socket));
    return viewers.filter((viewer) => viewer !== undefined).filter(({ state }) => state.session !== null);
  }

  /** Whether at least one viewer would get a frame now. */
  get isAnyReady(): boolean {
    for (const viewer of this.#bySocket.values()) if (viewer.isReady) return true;
    return false;
  }

  /**
   * Sends frames to a viewer, and saves its state. If its lease is over, its socket is closed instead. The feed sends in batches,
   * so there are few saves. Each takes 2 µs; a timer that waits for a later save would be billed.
   */
  deliver(viewer: ViewerSocket, frames: readonly Frame[]): void {
    if (!viewer.isReady) return;
    if (viewer.leaseEnd() <= Date.now()) {
      this.end(viewer, Close.leaseExpired);
      return;
    }
    for (const frame of frames) viewer.deliver(frame);
    viewer.save();
  }

  end(viewer: ViewerSocket, close: Close): void {
    this.forget(viewer.socket);
    viewer.end(close);
  }

  forget(socket: WebSocket): void {
    this.#loaded?.delete(socket);
  }

  get #bySocket(): Map<WebSocket, ViewerSocket> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  /** The viewers that outlived the hub's memory. */
  #load(): Map<WebSocket, ViewerSocket> {
    const terms = viewerTermsOf(this.#settings);
    const found = new Map<WebSocket, ViewerSocket>();
    for (const socket of this.#sockets.getWebSockets(VIEWER_TAG)) {
      const viewer = ViewerSocket.wake(this.#sockets, socket, this.#settings);
      if (viewer === "closed") continue;
      // A client that was welcomed with other settings begins again too.
      if (viewer === "unreadable" || !sameViewerTerms(viewer.state.terms, terms)) endSocket(socket, Close.goingAway);
      else found.set(socket, viewer);
    }
    return found;
  }
}
