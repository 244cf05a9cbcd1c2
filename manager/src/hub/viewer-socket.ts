/** One viewer's socket: docs/API.md "Live feed". */
import type { Settings } from "../config.ts";
import { leaseEnd } from "../presence/presence.ts";
import type { Frame } from "../protocol/batch.ts";
import type { Close } from "../protocol/close.ts";
import { byteLength, encode } from "../protocol/message.ts";
import { matches } from "../protocol/subject.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import { Budget } from "./budget.ts";
import { CLOSED, OPEN, type Sockets } from "./connection.ts";
import { acknowledge, hasCaughtUp, spend, type Totals } from "./credit.ts";
import { newViewerState, parseViewerState, type ViewerState, viewerTermsOf } from "./viewer-state.ts";

/** The first tag of every viewer's socket. The first tag of an agent's socket is its connection id. */
export const VIEWER_TAG = "viewer";

/** The tag of every socket that a session has opened. */
export function sessionTag(idHash: string): string {
  return `session:${idHash}`;
}

/** A viewer may send this many messages per second on average. */
const MESSAGES_PER_SECOND = 25;

export class ViewerSocket {
  readonly state: ViewerState;
  readonly socket: WebSocket;
  /** Kept in memory only, like an agent's. */
  readonly budget: Budget;
  /** When it was last told that it sends too much; Unix milliseconds. Kept in memory only. */
  toldRefusedAt = 0;
  readonly #sockets: Sockets;

  private constructor(sockets: Sockets, socket: WebSocket, state: ViewerState, { bytesPerSecond }: Settings) {
    this.state = state;
    this.socket = socket;
    this.budget = new Budget({ messagesPerSecond: MESSAGES_PER_SECOND, bytesPerSecond });
    this.#sockets = sockets;
  }

  /**
   * Accepts a socket for hibernation and stores its state with it.
   * @param creditBytes the bytes of its credit window
   */
  static accept(
    sockets: Sockets,
    socket: WebSocket,
    settings: Settings,
    viewer: Viewer,
    creditBytes: number,
  ): ViewerSocket {
    const { connectionId, session } = viewer;
    sockets.acceptWebSocket(socket, [
      VIEWER_TAG,
      connectionId,
      ...(session === null ? [] : [sessionTag(session.idHash)]),
    ]);
    const state = newViewerState(viewer, viewerTermsOf(settings), creditBytes);
    const accepted = new ViewerSocket(sockets, socket, state, settings);
    accepted.save();
    return accepted;
  }

  /** The viewer of a socket that outlived the hub's memory. */
  static wake(sockets: Sockets, socket: WebSocket, settings: Settings): ViewerSocket | "closed" | "unreadable" {
    const attachment: unknown = socket.deserializeAttachment();
    if (attachment === CLOSED) return "closed";
    const state = parseViewerState(attachment);
    return state === null ? "unreadable" : new ViewerSocket(sockets, socket, state, settings);
  }

  get id(): string {
    return this.state.id;
  }

  /** Whether a frame would be sent to it now. */
  get isReady(): boolean {
    return this.#isOpen && !this.state.isBehind;
  }

  get #isOpen(): boolean {
    return this.socket.readyState === OPEN;
  }

  /** The last sign of life: a frame, or a bare heartbeat that the runtime answered. */
  lastSeen(): number {
    const { connectedAt, lastMessageAt } = this.state;
    const beatAt = this.#sockets.getWebSocketAutoResponseTimestamp(this.socket)?.getTime() ?? 0;
    return Math.max(connectedAt, lastMessageAt, beatAt);
  }

  leaseEnd(): number {
    return leaseEnd(this.lastSeen(), this.state.terms);
  }

  /** Whether it watches messages of this subject. */
  watches(subject: string): boolean {
    return this.state.patterns.some((pattern) => matches(pattern, subject));
  }

  /** Sends a frame that takes no credit: the welcome, or an answer. */
  send(frame: string): void {
    if (this.#isOpen) this.socket.send(frame);
  }

  /** Sends a frame of the feed. If it does not fit, the viewer is behind. */
  deliver(frame: Frame): void {
    if (this.state.isBehind || this.#sendOnCredit(frame)) return;
    this.state.isBehind = true;
    // If the frame was too long, the viewer may have acknowledged everything already.
    this.#resync();
  }

  acknowledge(received: Totals): void {
    this.state.credit = acknowledge(this.state.credit, received);
    this.#resync();
  }

  /** Sends `live.resync` to a viewer that is behind and has caught up. From then on it gets every frame again. */
  #resync(): void {
    if (!this.state.isBehind || !hasCaughtUp(this.state.credit, this.state.creditBytes)) return;
    const text = encode("live.resync", {});
    this.state.isBehind = !this.#sendOnCredit({ text, bytes: byteLength(text) });
  }

  /** Sends a frame if it fits into the frame limit and the credit window. Returns whether it fits. */
  #sendOnCredit({ text, bytes }: Frame): boolean {
    const { terms, credit, creditBytes } = this.state;
    const spent = bytes > terms.maxFrameBytes ? null : spend(credit, bytes, creditBytes);
    if (spent === null) return false;
    this.state.credit = spent;
    this.send(text);
    return true;
  }

  save(): void {
    this.socket.serializeAttachment(this.state);
  }

  end(close: Close): void {
    endSocket(this.socket, close);
  }
}

/**
 * Closes a viewer's socket, and marks it as closed: a hub that wakes still finds it until the client has closed its
 * end.
 */
export function endSocket(socket: WebSocket, close: Close): void {
  socket.serializeAttachment(CLOSED);
  socket.close(close.code, close.reason);
}
